// `fetch`, a thin layer over `$http.send`: Headers, Request, Response and Blob. It is the host who waits, so that several
// requests of one handler go out one after another.

const put = (name, value) => Object.defineProperty(G, name, { value, writable: true, configurable: true, enumerable: false });
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const canonical = (name) => name.toLowerCase().replace(/(^|-)[a-z]/g, (part) => part.toUpperCase());

// -- headers ----------------------------------------------------------------------------------------------------------------

class Headers {
    #lines = new Map();

    constructor(given) {
        if (given === undefined || given === null) return;
        const pairs = typeof given[Symbol.iterator] === "function" ? given : Object.entries(given);
        for (const [name, value] of pairs) this.append(name, value);
    }

    #name(name) {
        if (!NAME.test(String(name))) throw new TypeError(`Invalid header name: ${String(name)}`);
        return String(name).toLowerCase();
    }

    append(name, value) {
        const key = this.#name(name);
        const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
        if (/[\0\r\n]/.test(text)) throw new TypeError(`Invalid header value: ${text}`);
        this.#lines.set(key, [...(this.#lines.get(key) ?? []), text]);
    }

    set(name, value) {
        this.#lines.delete(this.#name(name));
        this.append(name, value);
    }

    delete(name) {
        this.#lines.delete(this.#name(name));
    }

    get(name) {
        const lines = this.#lines.get(this.#name(name));
        return lines === undefined ? null : lines.join(", ");
    }

    getSetCookie() {
        return [...(this.#lines.get("set-cookie") ?? [])];
    }

    has(name) {
        return this.#lines.has(this.#name(name));
    }

    forEach(fn, self) {
        for (const [name, value] of this) fn.call(self, value, name, this);
    }

    *entries() {
        for (const name of [...this.#lines.keys()].sort()) {
            if (name === "set-cookie") for (const line of this.#lines.get(name)) yield [name, line];
            else yield [name, this.get(name)];
        }
    }

    *keys() {
        for (const [name] of this) yield name;
    }

    *values() {
        for (const [, value] of this) yield value;
    }

    [Symbol.iterator]() {
        return this.entries();
    }
}

// -- bodies -----------------------------------------------------------------------------------------------------------------

class Blob {
    #binary;
    #type;

    constructor(parts = [], { type = "" } = {}) {
        this.#binary = [...parts].map((part) => (part instanceof Blob ? part.#binary : P.binary(typeof part === "object" ? part : String(part)))).join("");
        this.#type = String(type).toLowerCase();
    }

    static binary(blob) {
        return blob.#binary;
    }

    get size() {
        return this.#binary.length;
    }

    get type() {
        return this.#type;
    }

    slice(start = 0, end = this.size, type = "") {
        const out = new Blob([], { type });
        out.#binary = this.#binary.slice(start, end);
        return out;
    }

    async text() {
        return P.fromUtf8(this.#binary);
    }

    async arrayBuffer() {
        return P.array(this.#binary).buffer;
    }

    async bytes() {
        return P.array(this.#binary);
    }
}
const { binary: blobBytes } = Blob;
delete Blob.binary;

// What a body is made of: its bytes and the type they have by themselves; `form` for a FormData.
function bodyOf(given) {
    if (given === undefined || given === null) return { binary: null, type: "" };
    if (typeof given === "string") return { binary: P.utf8(given), type: "text/plain;charset=UTF-8" };
    if (given instanceof Blob) return { binary: blobBytes(given), type: given.type };
    if (given instanceof G.URLSearchParams) return { binary: String(given), type: "application/x-www-form-urlencoded;charset=UTF-8" };
    if (P.formEntries(given) !== undefined) return { binary: null, type: "", form: given };
    if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) return { binary: P.binary(given), type: "" };
    return { binary: P.utf8(String(given)), type: "text/plain;charset=UTF-8" };
}

class Body {
    #body;
    #used = false;
    #headers;

    constructor(body, headers) {
        this.#body = body;
        this.#headers = headers;
        if (body.type !== "" && !headers.has("content-type")) headers.set("content-type", body.type);
    }

    static of(message) {
        return message.#body;
    }

    #take() {
        if (this.#used) throw new TypeError("Body is unusable: it was read already");
        this.#used = this.#body.binary !== null;
        return this.#body.binary ?? "";
    }

    get headers() {
        return this.#headers;
    }

    get bodyUsed() {
        return this.#used;
    }

    get body() {
        return null;
    }

    async text() {
        return P.fromUtf8(this.#take()).replace(/^\ufeff/, "");
    }

    async json() {
        return JSON.parse(await this.text());
    }

    async arrayBuffer() {
        return P.array(this.#take()).buffer;
    }

    async bytes() {
        return P.array(this.#take());
    }

    async blob() {
        const bytes = P.array(this.#take());
        return new Blob([bytes], { type: this.#headers.get("content-type") ?? "" });
    }
}
const { of: innerBody } = Body;
delete Body.of;

// -- requests and responses -------------------------------------------------------------------------------------------------

const UPPER = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);

class Request extends Body {
    #init;

    constructor(input, init = {}) {
        const before = input instanceof Request ? input : null;
        const method = String(init.method ?? before?.method ?? "GET");
        const body = init.body === undefined && before !== null ? innerBody(before) : bodyOf(init.body);
        super(body, new Headers(init.headers ?? before?.headers));
        const name = UPPER.has(method.toUpperCase()) ? method.toUpperCase() : method;
        if ((name === "GET" || name === "HEAD") && (body.binary !== null || body.form !== undefined)) {
            throw new TypeError("Request with GET/HEAD method cannot have body.");
        }
        this.#init = {
            method: name,
            url: before === null ? new G.URL(String(input)).href : before.url,
            redirect: init.redirect ?? before?.redirect ?? "follow",
            signal: init.signal ?? before?.signal ?? new G.AbortController().signal,
        };
    }

    get method() { return this.#init.method; }
    get url() { return this.#init.url; }
    get redirect() { return this.#init.redirect; }
    get signal() { return this.#init.signal; }

    clone() {
        if (this.bodyUsed) throw new TypeError("Body is unusable: it was read already");
        return new Request(this);
    }
}

class Response extends Body {
    #init;

    constructor(body = null, init = {}) {
        const status = init.status === undefined ? 200 : Math.trunc(Number(init.status));
        if (!(status >= 200 && status <= 599) && !(status === 0 && init.type === "error")) {
            throw new RangeError(`The status provided (${String(init.status)}) is outside the range [200, 599].`);
        }
        super(bodyOf(body), new Headers(init.headers));
        this.#init = { status, statusText: String(init.statusText ?? ""), url: "", redirected: false, type: "default" };
    }

    static describe(response, more) {
        Object.assign(response.#init, more);
        return response;
    }

    static error() {
        return describe(new Response(null, { status: 0, type: "error" }), { type: "error" });
    }

    static json(data, init = {}) {
        const headers = new Headers(init.headers);
        if (!headers.has("content-type")) headers.set("content-type", "application/json");
        return new Response(JSON.stringify(data), { ...init, headers });
    }

    static redirect(url, status = 302) {
        return new Response(null, { status, headers: { location: new G.URL(String(url)).href } });
    }

    get status() { return this.#init.status; }
    get statusText() { return this.#init.statusText; }
    get ok() { return this.#init.status >= 200 && this.#init.status <= 299; }
    get url() { return this.#init.url; }
    get redirected() { return this.#init.redirected; }
    get type() { return this.#init.type; }

    clone() {
        if (this.bodyUsed) throw new TypeError("Body is unusable: it was read already");
        const { binary } = innerBody(this);
        const copy = new Response(binary === null ? null : P.array(binary), { status: this.status, statusText: this.statusText, headers: this.headers });
        return describe(copy, this.#init);
    }
}
const { describe } = Response;
delete Response.describe;

// -- fetch ------------------------------------------------------------------------------------------------------------------

async function fetch(input, init) {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const { binary, form } = innerBody(request);
    const headers = {};
    for (const [name, value] of request.headers) headers[canonical(name)] = value;
    let answer;
    try {
        answer = P.fetched({
            url: request.url,
            method: request.method,
            headers,
            timeout: init?.timeout,
            redirect: request.redirect,
            body: form ?? (binary === null ? undefined : P.array(binary)),
        });
    } catch (error) {
        const failure = new TypeError("fetch failed");
        failure.cause = error;
        throw failure;
    }
    const lines = Object.entries(answer.headers).flatMap(([name, values]) => values.map((value) => [name, value]));
    const bare = [101, 204, 205, 304].includes(answer.status) || request.method === "HEAD";
    const response = new Response(bare ? null : P.array(answer.binary), { status: answer.status, headers: lines });
    return describe(response, { url: answer.url, redirected: answer.redirected, type: "basic" });
}

put("fetch", fetch);
for (const Kind of [Headers, Blob, Request, Response]) put(Kind.name, Kind);
