// `$apis`: middlewares and handlers of the server's own, what shows records to who asks; Middleware, FormData,
// SubscriptionMessage.
//
//   P.nativeStep(name, args)    the function of a middleware of `$apis`
//   P.Middleware                (loader.js) what a script gives a priority or a name
//   P.formEntries(data)         the entries of a FormData; undefined for anything else

const { defineProperty } = Object;
const LOGIN_NEEDED = "The request requires valid record authorization token.";
const NOT_ALLOWED = "The authorized record is not allowed to perform this action.";
const OWNER_NEEDED = "The request requires superuser or record authorization token.";
const GUESTS_ONLY = "The request can be accessed only by guests.";
const LIMIT_PRIORITY = -990;
const LENT_MAX = 50;

const text = (value) => P.goText(value);

// -- middlewares ----------------------------------------------------------------------------------------------------------

function requireAuth(...collections) {
    return (e) => {
        const { auth } = e;
        if (auth === null) throw P.refusal(401, LOGIN_NEEDED);
        if (collections.length > 0 && !collections.includes(auth.collection().name)) throw P.refusal(403, NOT_ALLOWED);
        return e.next();
    };
}

function requireSuperuserOrOwnerAuth(parameter) {
    return (e) => {
        const { auth } = e;
        if (auth === null) throw P.refusal(401, OWNER_NEEDED);
        if (auth.isSuperuser()) return e.next();
        if (e.request.pathValue(text(parameter) || "id") !== auth.id) {
            throw P.refusal(403, "You are not allowed to perform this request.");
        }
        return e.next();
    };
}

// The kinds of the steps, and their names and priorities in the real one.
const STEPS = {
    requireGuestOnly: [() => (e) => {
        if (e.auth !== null) throw P.refusal(400, GUESTS_ONLY);
        return e.next();
    }, "pbRequireGuestOnly", 0],
    requireAuth: [requireAuth, "pbRequireAuth", 0],
    requireSuperuserAuth: [() => requireAuth("_superusers"), "pbRequireSuperuserAuth", 0],
    requireSuperuserOrOwnerAuth: [requireSuperuserOrOwnerAuth, "pbRequireSuperuserOrOwnerAuth", 0],
    skipSuccessActivityLog: [() => (e) => {
        e.$request.quiet = true;
        return e.next();
    }, "pbSkipSuccessActivityLog", 0],
    gzip: [() => (e) => {
        e.$request.response.gzip = true;
        e.response.header().add("Vary", "Accept-Encoding");
        return e.next();
    }, "pbGzip", 0],
    // the host keeps the limit: it knows of it before the first byte is read
    bodyLimit: [() => (e) => e.next(), "pbBodyLimit", LIMIT_PRIORITY],
    static: [staticFiles, "", 0],
};

const int = (value) => Math.trunc(Number(value)) || 0;
const ARGUMENTS = {
    requireAuth: (names) => names.map(text),
    requireSuperuserOrOwnerAuth: ([parameter]) => [text(parameter)],
    bodyLimit: ([bytes]) => [int(bytes)],
};

P.nativeStep = (name, args) => STEPS[name][0](...args);

function middleware(name) {
    return (...given) => {
        const args = ARGUMENTS[name]?.(given) ?? [];
        const [make, id, priority] = STEPS[name];
        const handler = { func: make(...args), id, priority };
        defineProperty(handler, "toJSON", { value: () => ({ id, priority }), enumerable: false });
        return P.native(handler, name, ...args);
    };
}

// -- files ------------------------------------------------------------------------------------------------------------------

function staticFiles(root, fallback) {
    return (e) => {
        const state = e.$request;
        const told = P.host("request.place", state.q, root, e.request.pathValue("path"), text(e.request.url.path), fallback);
        if (told === null) throw P.refusal(404, "File not found");
        if (told.redirect !== undefined) return e.redirect(301, told.redirect);
        return P.putFile(state, "/", told.path.slice(1));
    };
}

function static_(system, fallback) {
    const root = typeof system === "string" ? system : P.fsRoot(system);
    if (root === undefined) throw P.goError("$apis.static: a directory or a file system is expected");
    const args = [text(root), Boolean(fallback)];
    return P.native(staticFiles(...args), "static", ...args);
}

// -- records ------------------------------------------------------------------------------------------------------------------

const isEvent = (e) => {
    if (e === null || typeof e !== "object" || e.$request === undefined) {
        throw new TypeError(`could not convert function call parameter 0: could not convert ${String(e)} to core.RequestEvent`);
    }
    return e.$request;
};

function isRecord(record, at) {
    if (!P.isRecord(record)) {
        throw new TypeError(`could not convert function call parameter ${at}: could not convert ${String(record)} to core.Record`);
    }
    return record;
}

function recordAuthResponse(e, record, method, meta) {
    const state = isEvent(e);
    const { response } = state;
    const stood = response.native;
    const told = P.host("request.login", state.q, e.app.$n, P.recordOut(isRecord(record, 1)), text(method), meta === undefined || meta === null ? null : P.plain(meta), P.changesOf(state));
    if (told === null) return;
    // handlers of the login take the answer for written once they are through; it is written here
    if (!stood && response.native) {
        response.native = false;
        response.status = 0;
    }
    e.json(200, told);
}

// fn(wires) while all of them are lent.
function lentAll(records, fn, wires = []) {
    if (wires.length === records.length) return fn(wires);
    let told;
    P.lent(records[wires.length], (wire) => { told = lentAll(records, fn, [...wires, wire]); });
    return told;
}

function enrichRecords(e, records, ...expands) {
    const state = isEvent(e);
    const all = Array.from(records ?? [], (record) => isRecord(record, 1));
    for (let at = 0; at < all.length; at += LENT_MAX) {
        const list = all.slice(at, at + LENT_MAX);
        const told = lentAll(list, (wires) => P.host("request.enrich", state.q, e.app.$n, wires, expands.map(text), P.changesOf(state)));
        told.forEach(({ email, unhide }, number) => {
            if (email) list[number].ignoreEmailVisibility(true);
            if (unhide.length > 0) list[number].unhide(...unhide);
        });
    }
}

const enrichRecord = (e, record, ...expands) => enrichRecords(e, [isRecord(record, 1)], ...expands);

G.$apis = {
    static: static_,
    requireGuestOnly: middleware("requireGuestOnly"),
    requireAuth: middleware("requireAuth"),
    requireSuperuserAuth: middleware("requireSuperuserAuth"),
    requireSuperuserOrOwnerAuth: middleware("requireSuperuserOrOwnerAuth"),
    skipSuccessActivityLog: middleware("skipSuccessActivityLog"),
    gzip: middleware("gzip"),
    bodyLimit: middleware("bodyLimit"),
    recordAuthResponse,
    enrichRecord,
    enrichRecords,
};

// -- Middleware -----------------------------------------------------------------------------------------------------------------

class Middleware {
    constructor(func, priority, id) {
        for (const [name, value] of [["func", func], ["priority", int(priority)], ["id", text(id)]]) {
            defineProperty(this, name, { value, enumerable: false });
        }
    }
}
G.Middleware = Middleware;
P.Middleware = Middleware;

// -- FormData -------------------------------------------------------------------------------------------------------------------

let entriesOf;

class FormData {
    #entries = [];

    static {
        entriesOf = (data) => (data !== null && typeof data === "object" && #entries in data ? data.#entries : undefined);
    }

    append(key, value) { this.#entries.push([text(key), value]); }

    set(key, value) {
        const name = text(key);
        const at = this.#entries.findIndex((entry) => entry[0] === name);
        if (at < 0) return void this.#entries.push([name, value]);
        this.#entries = this.#entries.filter((entry, number) => number <= at || entry[0] !== name);
        this.#entries[at] = [name, value];
    }

    delete(key) {
        const name = text(key);
        this.#entries = this.#entries.filter((entry) => entry[0] !== name);
    }

    get(key) { return this.#entries.find((entry) => entry[0] === text(key))?.[1] ?? null; }
    getAll(key) { return this.#entries.filter((entry) => entry[0] === text(key)).map((entry) => entry[1]); }
    has(key) { return this.#entries.some((entry) => entry[0] === text(key)); }
    keys() { return [...new Set(this.#entries.map((entry) => entry[0]))]; }
    values() { return this.#entries.map((entry) => entry[1]); }
    entries() { return this.#entries.map((entry) => [...entry]); }
}
P.hideMethods(FormData);
G.FormData = FormData;
P.formEntries = entriesOf;

// -- SubscriptionMessage -----------------------------------------------------------------------------------------------------------

class SubscriptionMessage {
    constructor(options) {
        const given = options !== null && typeof options === "object" ? options : {};
        this.name = text(given.name);
        this.data = P.asBytes(given.data === undefined || given.data === null ? [] : P.numbers(P.binary(given.data)));
    }

    writeSSE() { throw P.lacking("SubscriptionMessage.writeSSE", "realtime"); }
}
P.hideMethods(SubscriptionMessage);
G.SubscriptionMessage = SubscriptionMessage;
