// A browser without scripts, as careful or old phones have it: open pages, fill in forms, measure, take pictures.
//
// In, on stdin: {"executable", "visits": [{"url", "width", "scheme", "fill", "picture"}]}.
// Out, on stdout: a list with what each visit showed. `fill` maps field ids to what is typed before the button
// is pressed.

import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";

const FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
];

/** What a page is like once it stands. Runs inside the page. */
function measure() {
    const targets = [...document.querySelectorAll("nav a, button, input:not([hidden])")];
    return {
        language: document.documentElement.lang,
        heading: document.querySelector("h1")?.textContent,
        text: document.body.innerText,
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        nameless: [...document.querySelectorAll("input")].filter(
            (each) => each.checkVisibility() && !each.labels.length,
        ).length,
        lowest: Math.min(...targets.map((each) => each.getBoundingClientRect().height)),
    };
}

async function visit(browser, { url, width, scheme, fill, picture }) {
    const context = await browser.newContext({
        colorScheme: scheme,
        javaScriptEnabled: false,
        viewport: { width, height: 700 },
    });
    const page = await context.newPage();
    const asked = [];
    const complaints = [];
    page.on("request", (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
    page.on("console", (message) => complaints.push(message.text()));
    let response = await page.goto(url);
    if (fill) {
        for (const [id, value] of Object.entries(fill)) await page.fill(`#${id}`, value);
        [response] = await Promise.all([page.waitForNavigation(), page.click("button")]);
    }
    const seen = { status: response.status(), asked, complaints, ...(await page.evaluate(measure)) };
    if (picture) await page.screenshot({ path: picture, fullPage: true });
    await context.close();
    return seen;
}

const { executable, visits } = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({ executablePath: executable, args: FLAGS });
try {
    const seen = [];
    for (const each of visits) seen.push(await visit(browser, each));
    process.stdout.write(JSON.stringify(seen));
} finally {
    await browser.close();
}
