// A browser without scripts, as careful or old phones have it: open pages, fill in forms, measure, take pictures.
//
// Its argument is the path of Chromium. In, on stdin, a line each: [{"url", "width", "scheme", "fill", "picture", "tour"}].
// Out, on stdout, a line each: {"seen"}, a list with what each visit showed, or {"error"}. `fill` maps field ids to
// what is typed before the button is pressed. `tour` lists pages to open afterwards in the same session,
// [{"path", "picture"}]; what each of them showed stands under `tour`.

import { createInterface } from "node:readline";
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

/** The lowest contrast of any text in the page (WCAG 2.2, 1.4.3), and that text. Runs inside the page. */
function dimmest() {
    const parse = (colour) => {
        const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
        return [red, green, blue, alpha];
    };
    const light = (colour) => {
        const [red, green, blue] = colour.slice(0, 3).map((part) => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ground = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const colour = parse(getComputedStyle(each).backgroundColor);
            if (colour[3] === 1) return colour;
        }
        return [255, 255, 255, 1];
    };
    let lowest = { contrast: 21, text: "" };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const [text, element] = [walker.currentNode.data.trim(), walker.currentNode.parentElement];
        if (!text || !element.checkVisibility() || element.closest("title")) continue;
        const style = getComputedStyle(element);
        const ink = parse(element instanceof SVGElement ? style.fill : style.color);
        const pair = [light(ink), light(ground(element))].sort((one, other) => other - one);
        const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (contrast < lowest.contrast) lowest = { contrast, text: text.slice(0, 60) };
    }
    return lowest;
}

/** How what has the focus is told from the rest. Runs inside the page. */
function focused() {
    const [at, style] = [document.activeElement, getComputedStyle(document.activeElement)];
    const box = at.getBoundingClientRect();
    const seen = box.right > 0 && box.bottom > 0 && box.width > 0;
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    return { on: `${at.tagName} ${at.textContent.trim().slice(0, 30)}`, visible: seen && ring };
}

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

const STEPS = 15;
const AT_ONCE = 4; // visits beside each other, each in a session of its own
const PATIENCE = 120_000; // milliseconds for one page or one field: the machine may be busy

/** Walk with the tabulator key and tell where the focus could not be seen. */
async function unseen(page) {
    const found = [];
    for (let step = 0; step < STEPS; step += 1) {
        await page.keyboard.press("Tab");
        const { on, visible } = await page.evaluate(focused);
        if (on.startsWith("BODY")) break;
        if (!visible) found.push(on);
    }
    return found;
}

/** Open one page of a tour. */
async function stop(page, origin, { path, picture }) {
    const response = await page.goto(origin + path);
    const seen = { path, status: response.status(), ...(await page.evaluate(measure)) };
    if (picture) await page.screenshot({ path: picture, fullPage: true });
    return { ...seen, dimmest: await page.evaluate(dimmest), unseen: await unseen(page) };
}

async function visit(browser, { url, width, scheme, fill, picture, tour }) {
    const context = await browser.newContext({
        colorScheme: scheme,
        javaScriptEnabled: false,
        viewport: { width, height: 700 },
    });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const asked = [];
    const hosts = new Set();
    const complaints = [];
    page.on("request", (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
    page.on("request", (request) => hosts.add(new URL(request.url()).hostname));
    page.on("console", (message) => complaints.push(message.text()));
    let response = await page.goto(url);
    if (fill) {
        for (const [id, value] of Object.entries(fill)) await page.fill(`#${id}`, value);
        [response] = await Promise.all([page.waitForNavigation(), page.click("button")]);
    }
    const seen = { status: response.status(), asked, complaints, ...(await page.evaluate(measure)) };
    if (picture) await page.screenshot({ path: picture, fullPage: true });
    if (tour) {
        seen.tour = [];
        for (const each of tour) seen.tour.push(await stop(page, new URL(url).origin, each));
    }
    seen.hosts = [...hosts];
    await context.close();
    return seen;
}

/** Make visits beside each other; what each showed, in their order. */
async function all(browser, visits) {
    const [seen, waiting] = [[], [...visits.entries()]];
    const visitor = async () => {
        for (let next; (next = waiting.shift()); ) seen[next[0]] = await visit(browser, next[1]);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, visitor));
    return seen;
}

const browser = await chromium.launch({ executablePath: process.argv[2], args: FLAGS, timeout: PATIENCE });
for await (const line of createInterface({ input: process.stdin })) {
    const answer = await all(browser, JSON.parse(line)).then(
        (seen) => ({ seen }),
        (error) => ({ error: error.message }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
