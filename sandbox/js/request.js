// A request in a script's hands: `e.request`, `e.requestInfo()`; requestbody.js has its body.
//
//   P.requestOf(told)         the state of a request, from {q: number, …}; what the host tells of it once in a run is kept
//   P.forgetRequest(state)    … until it is over: the objects of it that a script has seen hold it, but not it them
//   P.authOf(state) / P.setAuth(state, record)
//   P.requestInfoOf(state, event)
//   P.changesOf(state)        what scripts have changed of it, for the server's own routes
//
// The state: what the host has told (head: `worker.hooks.heads.head_of`; pattern, values, given, context) and what
// stands in it (query, method, headers, …); response (response.js); store, what `e.set` keeps; auth: undefined until it
// is asked for; native: whether one of the server's own routes is at work, to which changes are told at once; chain:
// what routes.js runs; looked…: whether a script has had the URL or the headers in its hands, and may have changed them.

const { defineProperty, keys, hasOwn, fromEntries, entries } = Object;
const { parse } = JSON;
const KEPT_MAX = 64;

const text = (value) => P.goText(value);
const requests = new Map();

// Of one that is over.
const NO_HEAD = [false, "", "[]", "[]"];

class State {
    constructor(q, head, pattern, values) {
        this.q = q;
        this.head = head;
        this.pattern = pattern;
        this.values = values;
        this.response = P.newResponse();
        if (head[0]) this.auth = null;
    }

    // two texts, read when somebody looks
    get line() { return (this.lineRead ??= parse(this.head[2])); }
    get headers() { return (this.headersRead ??= parse(this.head[3])); }

    get query() { return this.head[1]; }
    get host() { return this.line[0]; }
    get version() { return this.line[1]; }
    get type() { return this.line[2]; }
    get length() { return this.line[3]; }
    get close() { return this.line[4]; }
    get method() { return this.line[5]; }
    get uri() { return this.line[6]; }
    get remote() { return this.line[7]; }
    get remoteIP() { return this.line[8]; }
    get realIP() { return this.line[9]; }
    get store() { return (this.stored ??= new Map()); }

    // Of more than one, what the server makes of them.
    get authorization() {
        return this.headers.filter((pair) => pair[0] === "authorization").map((pair) => pair[1]).join(",");
    }

    // The query as it is now.
    get asked() { return this.lookedURL ? text(this.request.url.rawQuery) : this.head[1]; }
}
// What most requests never come to have stands here.
Object.assign(State.prototype, {
    native: true, early: false, auth: undefined, authSet: false, info: null, body: null, form: undefined, request: null,
    headersChanged: false, loaded: false, quiet: false, chain: null, lineRead: null, headersRead: null, stored: null,
    given: undefined, context: undefined, lookedURL: false, lookedHeader: false,
});

// A request that is over is freed at once, which a cycle would not be: that takes a collection, and copies all memory.
function over(state) {
    const { response } = state;
    state.request = state.chain = response.header = response.object = null;
    state.lookedURL = state.lookedHeader = false;
}

// A run begins: what is left of the last one is over.
function begin() {
    for (const state of requests.values()) over(state);
    requests.clear();
}

P.routed = (q, head, pattern, values) => {
    if (requests.size > 0) begin();
    const state = new State(q, head, pattern, values);
    requests.set(q, state);
    return state;
};

P.requestOf = (told) => {
    if (told.first && requests.size > 0) begin();
    let state = requests.get(told.q);
    if (state === undefined) {
        state = new State(told.q, told.head ?? NO_HEAD, told.pattern ?? "", told.values ?? {});
        if (told.info !== undefined) state.given = told.info;
        if (told.context !== undefined) state.context = told.context;
        requests.set(told.q, state);
        if (requests.size > KEPT_MAX) requests.delete(requests.keys().next().value);
    }
    // the server's own route has loaded the body into a record: from now on it is what came of it
    if (told.loaded === true && !state.loaded) {
        state.loaded = true;
        if (state.info !== null) bodyIn(state, P.host("request.info", state.q));
    }
    return state;
};

P.forgetRequest = (state) => {
    requests.delete(state.q);
    over(state);
};

// -- who asks -------------------------------------------------------------------------------------------------------------

P.authOf = (state) => {
    if (state.early) return null;
    if (state.auth === undefined) {
        const told = P.host("request.auth", state.q, null);
        state.auth = told === null ? null : P.recordIn(told);
    }
    return state.auth;
};

P.setAuth = (state, record) => {
    if (record === undefined || record === null) record = null;
    else if (!P.isRecord(record)) throw new TypeError(`Go struct conversion error: could not convert ${String(record)} to core.Record`);
    state.auth = record;
    state.authSet = true;
    if (state.native) P.host("request.setAuth", state.q, record === null ? null : P.recordOut(record));
};

// The token is read when the first middleware of the usual priority is reached.
P.readToken = (state) => {
    state.early = false;
    if (!state.headersChanged || state.request === null) return;
    const given = state.request.header.get("Authorization");
    if (given === state.authorization) return;
    const told = P.host("request.auth", state.q, given);
    state.auth = told === null ? null : P.recordIn(told);
};

P.isSuperuser = (record) => record !== null && record !== undefined && record.isSuperuser();

// -- requestInfo ------------------------------------------------------------------------------------------------------------

const CONTEXTS = "default";

class RequestInfo {
    constructor(info) {
        const given = info !== null && typeof info === "object" ? info : {};
        const texts = (map) => (map === null || map === undefined ? null : fromEntries(entries(map).map(([key, value]) => [key, text(value)])));
        this.query = texts(given.query);
        this.headers = texts(given.headers);
        this.body = given.body ?? null;
        this.auth = given.auth ?? null;
        this.method = text(given.method);
        this.context = given.context === undefined ? CONTEXTS : text(given.context);
    }

    hasSuperuserAuth() { return P.isSuperuser(this.auth); }

    clone() {
        const copy = new RequestInfo({ method: this.method, context: this.context });
        copy.query = { ...this.query };
        copy.headers = { ...this.headers };
        copy.body = { ...this.body };
        copy.auth = this.auth === null ? null : this.auth.fresh?.() ?? this.auth;
        return copy;
    }
}
P.hideMethods(RequestInfo);
G.RequestInfo = RequestInfo;
P.RequestInfo = RequestInfo;

function headersForRules(pairs) {
    const out = {};
    for (const [name, value] of pairs) {
        const key = name.toLowerCase().replace(/-/g, "_");
        if (!hasOwn(out, key)) defineProperty(out, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return out;
}

function firstOf(pairs) {
    const out = {};
    for (const [name, value] of pairs) {
        if (!hasOwn(out, name)) defineProperty(out, name, { value, enumerable: true, writable: true, configurable: true });
    }
    return out;
}

function bodyIn(state, { body, raw = [] }) {
    for (const name of raw) body[name] = P.rawOf(JSON.stringify(body[name]));
    state.info.body = body;
    state.bodyTold = JSON.stringify(body);
}

P.requestInfoOf = (state) => {
    if (state.info === null) {
        const { given, request } = state;
        const info = state.info = new RequestInfo();
        const told = given ?? P.host("request.info", state.q);
        if (given === undefined && state.length !== 0) P.rewindBody(state);
        bodyIn(state, told);
        info.query = told.query ?? firstOf(P.pairsOf(state.asked));
        info.headers = told.headers ?? headersForRules(state.lookedHeader ? P.headerPairs(request.header) : state.headers);
        info.method = request === null ? state.method : request.method;
    }
    state.info.auth = P.authOf(state);
    state.info.context = state.context ?? CONTEXTS;
    return state.info;
};

// What the server's own routes shall see: the headers, the query, the body and who asks, where scripts have set them.
P.changesOf = (state) => {
    const changes = {};
    const { request, info } = state;
    if (state.authSet) changes.auth = state.auth === null ? null : P.recordOut(state.auth);
    if (request !== null) {
        if (state.headersChanged) changes.headers = P.headerPairs(request.header);
        const query = state.asked;
        if (query !== state.query) changes.query = query;
    }
    if (info !== null) {
        const body = JSON.stringify(info.body);
        if (body !== state.bodyTold) changes.body = (state.bodyTold = body);
    }
    return changes;
};

// -- e.request ------------------------------------------------------------------------------------------------------------------

const lists = (pairs) => (pairs === null ? null : P.Values(pairs));

// Members of a request that are made when somebody looks at them.
const LAZY = {};

class Request {
    #state;

    static {
        const lazily = (name, looked, make) => {
            const become = (request, value) => {
                if (looked !== "" && request.#state.request === request) request.#state[looked] = true;
                defineProperty(request, name, { value, writable: true, enumerable: true, configurable: true });
            };
            LAZY[name] = {
                get() {
                    become(this, make(this.#state));
                    return this[name];
                },
                set(value) { become(this, value); },
                enumerable: true,
                configurable: true,
            };
        };
        lazily("url", "lookedURL", ({ uri }) => P.URL(uri));
        lazily("header", "lookedHeader", (state) => P.Header(state.headers, () => { state.headersChanged = true; }));
        lazily("body", "", P.bodyReader);
    }

    constructor(state) {
        const { line } = state;
        const version = line[1];
        const length = line[3];
        this.#state = state;
        this.method = line[5];
        defineProperty(this, "url", LAZY.url);
        this.proto = `HTTP/${version}`;
        this.protoMajor = Number(version[0]);
        this.protoMinor = Number(version[2] ?? 0);
        defineProperty(this, "header", LAZY.header);
        defineProperty(this, "body", LAZY.body);
        this.getBody = null;
        this.contentLength = length;
        this.transferEncoding = length < 0 ? ["chunked"] : [];
        this.close = line[4];
        this.host = line[0];
        this.form = null;
        this.postForm = null;
        this.multipartForm = null;
        this.trailer = null;
        this.remoteAddr = line[7];
        this.requestURI = line[6];
        this.tls = null;
        this.cancel = {};
        this.response = null;
        this.pattern = state.pattern;
    }

    addCookie(cookie) {
        const line = `${text(cookie.name).replace(/[\r\n]/g, "-")}=${P.setCookieLine({ name: "x", value: cookie.value, quoted: cookie.quoted }).slice(2)}`;
        const before = this.header.get("Cookie");
        this.header.set("Cookie", before === "" ? line : `${before}; ${line}`);
    }

    basicAuth() {
        const found = /^basic (.*)$/i.exec(this.header.get("Authorization"));
        const decoded = found === null ? null : P.fromBase64(found[1]);
        const at = decoded === null ? -1 : decoded.indexOf(":");
        return at < 0 ? ["", "", false] : [P.fromUtf8(decoded.slice(0, at)), P.fromUtf8(decoded.slice(at + 1)), true];
    }

    setBasicAuth(user, password) {
        this.header.set("Authorization", "Basic " + P.base64(P.utf8(`${text(user)}:${text(password)}`)));
    }

    clone() {
        const copy = new Request(this.#state);
        for (const name of keys(this)) copy[name] = this[name];
        copy.header = this.header.clone();
        copy.url = this.url.clone();
        return copy;
    }

    context() { return new G.Context(); }
    withContext() { return this.clone(); }
    cookies() { return P.cookiesOf(this.header.values("Cookie")); }
    cookiesNamed(name) { return this.cookies().filter((cookie) => cookie.name === text(name)); }

    cookie(name) {
        const found = this.cookies().find((each) => each.name === text(name));
        if (found === undefined) throw P.goError("http: named cookie not present");
        return found;
    }

    #parsed() {
        const form = P.formOf(this.#state);
        if (this.form === null) {
            this.form = lists(form.values);
            this.postForm = lists(form.posted);
        }
        if (form.isMultipart && this.multipartForm === null) {
            const file = {};
            for (const each of form.files) {
                (hasOwn(file, each.field) ? file[each.field] : (file[each.field] = [])).push(P.uploadHeader(this.#state, each));
            }
            this.multipartForm = { value: P.Values(form.posted).toJSON(), file };
        }
        return form;
    }

    parseForm() { this.#parsed(); }

    parseMultipartForm() {
        if (!this.#parsed().isMultipart) throw P.goError("request Content-Type isn't multipart/form-data");
    }

    formValue(name) {
        this.#parsed();
        return this.form.get(name);
    }

    postFormValue(name) {
        this.#parsed();
        return this.postForm.get(name);
    }

    formFile(name) {
        this.parseMultipartForm();
        const found = this.multipartForm.file[text(name)]?.[0];
        if (found === undefined) throw P.goError("http: no such file");
        return [found.open(), found];
    }

    multipartReader() { throw P.goError("request.multipartReader is not available: use e.findUploadedFiles"); }
    pathValue(name) { return this.#state.values[text(name)] ?? ""; }
    setPathValue(name, value) { this.#state.values[text(name)] = text(value); }
    protoAtLeast(major, minor) { return this.protoMajor > major || (this.protoMajor === major && this.protoMinor >= minor); }
    referer() { return this.header.get("Referer"); }
    userAgent() { return this.header.get("User-Agent"); }
    write() { throw P.goError("a request can't be written from a script"); }
    writeProxy() { throw P.goError("a request can't be written from a script"); }
}
P.hideMethods(Request);

P.httpRequest = (state) => (state.request ??= new Request(state));
