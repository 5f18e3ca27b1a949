// RequestEvent: `e` of routes and middlewares, and what the events of requests have in common.
//
//   P.RequestEvent                 new P.RequestEvent(state, app, next?); next(event) is what `e.next()` does
//   P.runGuarded(event, fn)        fn() for an event of one of the server's own routes: its error is logged, not thrown,
//                                  where the answer has gone out already

const { defineProperty, keys } = Object;
const REDIRECTS = { min: 300, max: 399 };

const text = (value) => P.goText(value);
const nothing = () => {};
const given = (value) => (Array.isArray(value) ? P.exported(value) : value);

// An answer that is an error, as a script sees one of the server's own.
P.refusal = (status, message) => {
    const answer = P.requestError(status, message, null);
    return P.goError(answer.message, answer);
};

class RequestEvent {
    #state;
    #app;
    #next;

    constructor(state, app, next = nothing) {
        this.#state = state;
        this.#app = app;
        this.#next = next;
    }

    get $request() { return this.#state; }

    get app() { return this.#app; }
    set app(app) {
        if (!(app instanceof P.App)) throw new TypeError(`Go struct conversion error: could not convert ${String(app)} to core.App`);
        this.#app = app;
    }

    get auth() { return P.authOf(this.#state); }
    set auth(record) { P.setAuth(this.#state, record); }

    get request() { return P.httpRequest(this.#state); }
    get response() { return P.httpResponse(this.#state); }
    get event() { return this; }

    next() { return this.#next(this); }

    // -- who and what -------------------------------------------------------------------------------------------------

    hasSuperuserAuth() { return P.isSuperuser(this.auth); }
    requestInfo() { return P.requestInfoOf(this.#state); }
    realIP() { return this.#state.realIP; }
    remoteIP() { return this.#state.remoteIP; }
    isTLS() { return false; }
    bindBody(dst) { P.bindBody(this.#state, dst); }
    findUploadedFiles(key) { return P.uploadsOf(this.#state, key); }

    // What is kept is a copy, and a list that is given is one again.
    get(key) { return given(this.#state.store.get(text(key)) ?? null); }
    set(key, value) { this.#state.store.set(text(key), P.exported(value)); }
    getAll() { return Object.fromEntries([...this.#state.store].map(([key, value]) => [key, given(value)])); }

    setAll(map) {
        for (const key of keys(map ?? {})) this.#state.store.set(key, P.exported(map[key]));
    }

    // -- answers --------------------------------------------------------------------------------------------------------

    written() { return this.#state.response.status !== 0; }
    status() { return this.#state.response.status; }
    flush() { P.httpResponse(this.#state).flush(); }

    setCookie(cookie) {
        const line = P.setCookieLine(cookie ?? {});
        if (line !== "") P.httpResponse(this.#state).header().add("Set-Cookie", line);
    }

    json(status, value) {
        const state = this.#state;
        const query = state.asked;
        const fields = query.includes("fields") ? P.Values(P.pairsOf(query)).get("fields") : "";
        const picked = fields === "" ? undefined : P.host("request.pick", state.q, P.marshal(value), fields);
        P.put(state, status, "application/json");
        P.put(state, status, null, { text: picked ?? P.marshal(value) });
    }

    string(status, value) { P.put(this.#state, status, "text/plain; charset=utf-8", { text: text(value) }); }
    html(status, value) { P.put(this.#state, status, "text/html; charset=utf-8", { text: text(value) }); }
    blob(status, type, data) { P.put(this.#state, status, text(type), { binary: P.binary(data, 2) }); }
    noContent(status) { P.put(this.#state, status ?? 0, null); }

    xml(status, value) {
        P.put(this.#state, status, "application/xml; charset=utf-8", { text: '<?xml version="1.0" encoding="UTF-8"?>\n' });
        P.put(this.#state, status, null, { text: xmlOf(P.exported(value)) });
    }

    stream(status, type, reader) {
        let binary = "";
        if (reader !== null && reader !== undefined) {
            binary = P.readAll(reader);
            if (binary === undefined) throw new TypeError(`could not convert function call parameter 2: could not convert ${String(reader)} to io.Reader`);
        }
        P.put(this.#state, status, text(type), { binary });
    }

    redirect(status, url) {
        const number = Math.trunc(Number(status));
        if (!(number >= REDIRECTS.min && number <= REDIRECTS.max)) throw P.refusal(500, "invalid redirect status code");
        P.httpResponse(this.#state).header().set("Location", text(url));
        P.put(this.#state, number, null);
    }

    fileFS(system, name) {
        const root = P.fsRoot(system);
        if (root === undefined) throw new TypeError(`could not convert function call parameter 0: could not convert ${String(system)} to fs.FS`);
        P.putFile(this.#state, root, text(name));
    }

    error(status, message, data) { return P.apiError(status, message, data); }
    badRequestError(message, data) { return P.requestError(400, message, data); }
    unauthorizedError(message, data) { return P.requestError(401, message, data); }
    forbiddenError(message, data) { return P.requestError(403, message, data); }
    notFoundError(message, data) { return P.requestError(404, message, data); }
    tooManyRequestsError(message, data) { return P.requestError(429, message, data); }
    internalServerError(message, data) { return P.requestError(500, message, data); }

    toJSON() { return {}; }
}
P.hideMethods(RequestEvent);
P.RequestEvent = RequestEvent;

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;" };

// Go's encoder knows scalars and lists of them; maps it refuses, and what stands before them stays.
function xmlOf(value) {
    if (Array.isArray(value)) return value.map(xmlOf).join("");
    if (typeof value === "string") return `<string>${value.replace(/[&<>"'\t\n\r]/g, (char) => ENTITIES[char])}</string>`;
    if (typeof value === "boolean") return `<bool>${value}</bool>`;
    if (typeof value === "number") return Number.isInteger(value) ? `<int64>${value}</int64>` : `<float64>${value}</float64>`;
    return "";
}

// -- files of the tenant's ------------------------------------------------------------------------------------------------

// A file below `root` as the answer; its type, length and what is asked for of it are the host's business.
P.putFile = (state, root, name) => {
    const { status } = state.response;
    const found = P.host("request.static", state.q, root, name);
    if (found === null) throw P.refusal(404, "File not found");
    if (status !== 0) return void P.put(state, status, null, { binary: P.host("fs.read", found.path).v });
    P.put(state, 200, found.type, { file: found.path });
};

// -- around the server's own routes -----------------------------------------------------------------------------------------

P.runGuarded = (event, fn) => {
    try {
        return fn();
    } catch (error) {
        if (event.$request.response.status === 0) throw error;
        P.host("request.late", event.$request.q, P.errorOut(error));
        return undefined;
    }
};
