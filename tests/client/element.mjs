// Element without its windows: matrix-js-sdk, set up as Element sets it up, driven over stdin and stdout.
//
// One JSON object a line. In: {"id", "who", "do", ...arguments}. Out: {"id", "ok"} or {"id", "error"}.
// `who` names a session; one process holds many. Requests run side by side, so a wait never blocks another.
// Keys live in memory only: a session that ends takes its device's keys with it.

import "./quiet.mjs"; // before the SDK: stdout belongs to the answers
import { createInterface } from "node:readline";
import { ClientEvent, EventType, HttpApiEvent, MatrixEvent, MatrixEventEvent, RoomEvent, createClient } from "matrix-js-sdk";
import {
    AllDevicesIsolationMode,
    CryptoEvent,
    DecryptionFailureCode,
    OnlySignedDevicesIsolationMode,
} from "matrix-js-sdk/lib/crypto-api/index.js";

const sessions = new Map(); // by `who`
const WAKES = [
    ClientEvent.Sync,
    ClientEvent.Room,
    HttpApiEvent.SessionLoggedOut,
    MatrixEventEvent.Decrypted,
    RoomEvent.MyMembership,
    RoomEvent.Redaction,
    RoomEvent.Timeline,
];
const STRANGERS = [DecryptionFailureCode.UNKNOWN_SENDER_DEVICE, DecryptionFailureCode.UNSIGNED_SENDER_DEVICE];
const loggedOut = new WeakSet();
const lines = new Map(); // by `who`: those whose line holds the answers back

/** Resolve with the first value of `probe` that is neither null nor undefined; it is asked again whenever something happened. */
function until(client, probe, seconds, what) {
    return new Promise((resolve, reject) => {
        const finish = (settle, value) => {
            clearTimeout(timer);
            for (const event of WAKES) client.off(event, ask);
            settle(value);
        };
        const ask = () => {
            const value = probe();
            if (value !== null && value !== undefined) finish(resolve, value);
        };
        const timer = setTimeout(() => finish(reject, new Error(`${what}: not within ${seconds} s`)), seconds * 1000);
        for (const event of WAKES) client.on(event, ask);
        ask();
    });
}

/** What stands in a message, or in a poll for apps that cannot draw one. */
const words = (event) => event.getContent().body ?? event.getContent()["org.matrix.msc1767.text"] ?? null;

/** Read an event afresh under the isolation mode in force, as if it had just come in. */
async function read(client, live) {
    const event = new MatrixEvent({ ...live.event });
    const encrypted = event.isEncrypted();
    if (encrypted) await client.decryptEventIfNeeded(event);
    const failed = event.isDecryptionFailure();
    const shield = encrypted && !failed ? await client.getCrypto().getEncryptionInfoForEvent(event) : null;
    return {
        event_id: event.getId(),
        sender: event.getSender(),
        type: event.getType(),
        msgtype: event.getContent().msgtype ?? null,
        body: failed ? null : words(event),
        content: failed ? null : event.getContent(),
        encrypted,
        decrypted: encrypted && !failed,
        failure: event.decryptionFailureReason ?? null,
        shield_colour: shield?.shieldColour ?? null,
        shield_reason: shield?.shieldReason ?? null,
        wire: live.event,
    };
}

function room(client, id) {
    const found = client.getRoom(id);
    if (!found) throw new Error("this session does not know that room");
    return found;
}

/**
 * Messages and encrypted events of a room after the event `since`, oldest first. State is left out.
 *
 * What this session sends stands in its timeline at once, before what others sent earlier and the next sync brings:
 * place alone does not say what came after it. After a gap the timeline begins anew, and all of it is later.
 */
function events(client, id, since) {
    const found = room(client, id);
    const after = since ? found.findEventById(since) : null;
    if (since && !after) throw new Error("this session does not know that event");
    const all = found.getLiveTimeline().getEvents();
    const later = (event) => !after || event.getTs() >= after.getTs();
    return all.slice(all.indexOf(after) + 1).filter((event) => !event.isState() && later(event));
}

/** Whether an event may still turn out to be something else: nobody has tried to read it yet, or somebody is about to. */
const unread = (event) => event.isEncrypted() && (event.isBeingDecrypted() || event.shouldAttemptDecryption());

/** Ask again when the server says "later", as a person does. */
async function patiently(request) {
    for (;;) {
        try {
            return await request();
        } catch (error) {
            if (!error.isRateLimitError?.()) throw error;
            await new Promise((resolve) => setTimeout(resolve, error.getRetryAfterMs() ?? 1000));
        }
    }
}

const isolation = (strict) => (strict ? new OnlySignedDevicesIsolationMode() : new AllDevicesIsolationMode(true));

const commands = {
    async login(_, { who, homeserver, user, password, strict, within }) {
        const visitor = createClient({ baseUrl: homeserver });
        const identifier = { type: "m.id.user", user };
        const request = () => visitor.loginRequest({ type: "m.login.password", identifier, password });
        const { access_token, user_id, device_id } = await patiently(request);
        const fetchFn = async (...request) => {
            const answered = await fetch(...request);
            const line = lines.get(who);
            if (line && String(request[0]).includes(line.path)) await line.promise;
            return answered;
        };
        const device = { accessToken: access_token, userId: user_id, deviceId: device_id };
        const client = createClient({ baseUrl: homeserver, fetchFn, ...device });
        await client.initRustCrypto({ useIndexedDB: false });
        const crypto = client.getCrypto();
        crypto.setDeviceIsolationMode(isolation(strict));
        sessions.set(who, client);
        client.on(HttpApiEvent.SessionLoggedOut, () => loggedOut.add(client));
        // The SDK reads what its counts need, and leaves the other events to whoever shows them.
        client.on(RoomEvent.Timeline, (event) => client.decryptEventIfNeeded(event));
        // Nor does it look again at what it would not show before it knew whose device wrote: opening the app does.
        client.on(CryptoEvent.DevicesUpdated, () => {
            const all = client.getRooms().flatMap((found) => found.getLiveTimeline().getEvents());
            const refused = all.filter((event) => STRANGERS.includes(event.decryptionFailureReason));
            for (const event of refused) event.attemptDecryption(crypto, { isRetry: true });
        });
        const synced = until(client, () => (client.isInitialSyncComplete() ? true : null), within, "first sync");
        await client.startClient({ initialSyncLimit: 20, lazyLoadMembers: true });
        await synced;
        // Element does this in silence at a person's first login, and never over an identity that is there.
        if (!(await crypto.userHasCrossSigningKeys(user_id, true))) {
            await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: (upload) => upload(null) });
        }
        return { user_id, device_id, access_token, signed: await crypto.isCrossSigningReady() };
    },

    async mode(client, { strict }) {
        client.getCrypto().setDeviceIsolationMode(isolation(strict));
    },

    async rooms(client) {
        return client.getRooms().map((found) => ({
            room_id: found.roomId,
            name: found.name,
            membership: found.getMyMembership(),
            space: found.isSpaceRoom(),
            encrypted: found.hasEncryptionStateEvent(),
            joined: found.getJoinedMemberCount(),
        }));
    },

    async wait_rooms(client, { count, within }) {
        const joined = () => client.getRooms().filter((found) => found.getMyMembership() === "join");
        return until(client, () => (joined().length >= count ? joined().length : null), within, `${count} joined rooms`);
    },

    async create(client, { invite, within }) {
        const { room_id } = await client.createRoom({
            preset: "private_chat",
            invite,
            initial_state: [{ type: EventType.RoomEncryption, state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
        });
        await until(client, () => client.getRoom(room_id), within, "the new room");
        return { room_id };
    },

    async join(client, { room: id, within }) {
        await client.joinRoom(id);
        await until(client, () => (client.getRoom(id)?.getMyMembership() === "join" ? true : null), within, "the joined room");
    },

    async members(client, { room: id }) {
        return Object.keys((await client.getJoinedRoomMembers(id)).joined);
    },

    async send(client, { room: id, body }) {
        return client.sendTextMessage(id, body);
    },

    async react(client, { room: id, event, key }) {
        return client.sendEvent(id, EventType.Reaction, {
            "m.relates_to": { rel_type: "m.annotation", event_id: event, key },
        });
    },

    async answer_poll(client, { room: id, poll, answer }) {
        return client.sendEvent(id, "org.matrix.msc3381.poll.response", {
            "m.relates_to": { rel_type: "m.reference", event_id: poll },
            "org.matrix.msc3381.poll.response": { answers: [answer] },
        });
    },

    async timeline(client, { room: id, since }) {
        return Promise.all(events(client, id, since).map((event) => read(client, event)));
    },

    /** The first readable event of one of the `types` after `since` from `sender` (anyone but this session when absent) that contains one of `contains`. */
    async wait_message(client, { room: id, since, sender, contains, types, within }) {
        const wanted = (event) =>
            (types ?? [EventType.RoomMessage]).includes(event.getType()) &&
            !event.isDecryptionFailure() &&
            (sender ? event.getSender() === sender : event.getSender() !== client.getUserId()) &&
            (contains ?? [""]).some((part) => (words(event) ?? "").includes(part));
        const find = () => {
            const known = client.getRoom(id) ? events(client, id, since) : [];
            const at = known.findIndex(wanted);
            return at < 0 || known.slice(0, at).some(unread) ? null : known[at];
        };
        try {
            return await read(client, await until(client, find, within, "the message"));
        } catch (error) {
            // what stands there as it came in, and as it is read now: where they differ, something came too late
            const known = client.getRoom(id) ? events(client, id, since) : [];
            const tell = async (event) => [event.getType(), event.decryptionFailureReason, (await read(client, event)).failure];
            const came = await Promise.all(known.map(tell));
            throw new Error(`${error.message}; ${known.length} events came: ${JSON.stringify(came)}`);
        }
    },

    /** Try to read an event that somebody else received: what this session's keys are still worth. */
    async read_wire(client, { wire }) {
        return read(client, new MatrixEvent(wire));
    },

    /** Everything the server still has of a room, state too, oldest first, as it comes over the wire. */
    async history(client, { room: id }) {
        const found = [];
        for (let from; ; ) {
            const page = await client.createMessagesRequest(id, from, 100, "b");
            found.unshift(...page.chunk.reverse());
            if (!page.end || !page.chunk.length) return found;
            from = page.end;
        }
    },

    /** Until the server has said that the token of this session is worth nothing. */
    async wait_logged_out(client, { within }) {
        return until(client, () => (loggedOut.has(client) ? true : null), within, "logged out");
    },

    /** Until nothing that anybody said is left on the screen. */
    async wait_emptied(client, { room: id, within }) {
        const left = () => events(client, id).filter((event) => Object.keys(event.getContent()).length);
        const said = (event) => event.getType() !== EventType.RoomRedaction;
        return until(client, () => (left().some(said) ? null : true), within, "empty");
    },

    /** Until this session sees somebody, itself when nobody is named, in a room or out of it. */
    async wait_membership(client, { room: id, membership, user, within }) {
        if (user) await room(client, id).loadMembersIfNeeded();
        const seen = (found) => (user ? found.getMember(user)?.membership : found.getMyMembership());
        const wanted = () => (client.getRoom(id) && seen(client.getRoom(id)) === membership ? true : null);
        return until(client, wanted, within, membership);
    },

    /** Hold back what the server answers, as a bad line does, until it is `back`: all, or where `path` is asked. */
    async away(_, { who, path }) {
        lines.set(who, { path, ...Promise.withResolvers() });
    },

    async back(_, { who }) {
        lines.get(who).resolve();
        lines.delete(who);
    },

    /** Ask the server again at once after it was away, as when somebody opens the app. */
    async wake(client) {
        client.retryImmediately();
    },

    async close(client, { who }) {
        client.stopClient();
        sessions.delete(who);
    },
};

async function answer(request) {
    const client = sessions.get(request.who);
    if (!client && request.do !== "login") throw new Error("no such session: log in first");
    if (!Object.hasOwn(commands, request.do)) throw new Error(`no such command: ${request.do}`);
    return (await commands[request.do](client, request)) ?? null;
}

const reply = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    answer(request).then(
        (ok) => reply({ id: request.id, ok }),
        (error) => reply({ id: request.id, error: error.message ?? String(error) }),
    );
}
process.exit(0); // stdin closed: the tests are over, whatever is still in flight
