// URL and URLSearchParams, as the URL Standard has them.

const { SPECIAL, special, parse, spelled, pathText, hostOf, pathOf, queryOf, encoded, decoded, escaped, cut, FRAGMENT, USER } = P.urlParts;

// -- queries ----------------------------------------------------------------------------------------------------------------

const formEncoded = (text) => P.utf8(text.toWellFormed()).replace(/[^*\-.\w ]/g, escaped).replace(/ /g, "+");
const formDecoded = (text) => decoded(text.replace(/\+/g, " "));

const pairsOf = (query) => query.split("&").filter((part) => part !== "").map((part) => {
    const [name, value] = cut(part, "=");
    return [formDecoded(name), formDecoded(value ?? "")];
});

const Weak = WeakRef;

class URLSearchParams {
    #pairs = [];
    #changed;

    static bound(query, changed) {
        const params = new URLSearchParams();
        params.#pairs = pairsOf(query);
        params.#changed = changed;
        return params;
    }

    static reset(params, query) {
        params.#pairs = pairsOf(query);
    }

    constructor(given = "") {
        if (given !== null && typeof given === "object") {
            if (typeof given[Symbol.iterator] === "function") {
                for (const pair of given) {
                    const both = [...pair];
                    if (both.length !== 2) throw new TypeError("each pair of a query has a name and a value");
                    this.#pairs.push(both.map(String));
                }
            } else for (const name of Object.keys(given)) this.#pairs.push([name, String(given[name])]);
        } else this.#pairs = pairsOf(String(given).replace(/^\?/, ""));
    }

    #tell() {
        if (this.#changed !== undefined) this.#changed(this.toString());
    }

    get size() {
        return this.#pairs.length;
    }

    append(name, value) {
        this.#pairs.push([String(name), String(value)]);
        this.#tell();
    }

    delete(name, value) {
        this.#pairs = this.#pairs.filter((pair) => pair[0] !== String(name) || (value !== undefined && pair[1] !== String(value)));
        this.#tell();
    }

    get(name) {
        const pair = this.#pairs.find((each) => each[0] === String(name));
        return pair === undefined ? null : pair[1];
    }

    getAll(name) {
        return this.#pairs.filter((each) => each[0] === String(name)).map((each) => each[1]);
    }

    has(name, value) {
        return this.#pairs.some((each) => each[0] === String(name) && (value === undefined || each[1] === String(value)));
    }

    set(name, value) {
        const at = this.#pairs.findIndex((each) => each[0] === String(name));
        if (at < 0) this.#pairs.push([String(name), String(value)]);
        else {
            this.#pairs[at][1] = String(value);
            this.#pairs = this.#pairs.filter((each, place) => place <= at || each[0] !== String(name));
        }
        this.#tell();
    }

    sort() {
        this.#pairs.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
        this.#tell();
    }

    forEach(fn, self) {
        for (const [name, value] of this.#pairs) fn.call(self, value, name, this);
    }

    *entries() {
        for (const [name, value] of this.#pairs) yield [name, value];
    }

    *keys() {
        for (const [name] of this.#pairs) yield name;
    }

    *values() {
        for (const [, value] of this.#pairs) yield value;
    }

    [Symbol.iterator]() {
        return this.entries();
    }

    toString() {
        return this.#pairs.map(([name, value]) => `${formEncoded(name)}=${formEncoded(value)}`).join("&");
    }
}

// -- URL --------------------------------------------------------------------------------------------------------------------

const { bound, reset } = URLSearchParams;
delete URLSearchParams.bound;
delete URLSearchParams.reset;

class URL {
    #url;
    #params;

    constructor(input, base) {
        const from = base === undefined ? null : parse(String(base).toWellFormed(), null);
        this.#url = base !== undefined && from === null ? null : parse(String(input).toWellFormed(), from);
        if (this.#url === null) {
            const error = new TypeError("Invalid URL");
            error.code = "ERR_INVALID_URL";
            error.input = String(input);
            throw error;
        }
        const it = new Weak(this); // no cycle: see errors.js
        this.#params = bound(this.#url.query ?? "", (query) => {
            const url = it.deref();
            if (url !== undefined) url.#url.query = query === "" ? null : query;
        });
    }

    static canParse(input, base) {
        return URL.parse(input, base) !== null;
    }

    static parse(input, base) {
        try {
            return new URL(input, base);
        } catch {
            return null;
        }
    }

    get href() { return spelled(this.#url); }

    set href(value) {
        const url = parse(String(value), null);
        if (url === null) throw new TypeError("Invalid URL");
        this.#url = url;
        reset(this.#params, url.query ?? "");
    }

    get origin() {
        const { protocol } = this.#url;
        if (protocol === "blob:") return URL.parse(pathText(this.#url))?.origin ?? "null";
        return special(protocol) && protocol !== "file:" ? `${protocol}//${this.host}` : "null";
    }

    get protocol() { return this.#url.protocol; }

    set protocol(value) {
        const scheme = /^([a-z][a-z0-9+.-]*):?/i.exec(String(value));
        if (scheme === null) return;
        const protocol = `${scheme[1].toLowerCase()}:`;
        if (special(protocol) !== special(this.#url.protocol)) return;
        if (protocol === "file:" && (this.#url.username !== "" || this.#url.port !== "")) return;
        this.#url.protocol = protocol;
        if (this.#url.port === SPECIAL[protocol]) this.#url.port = "";
    }

    get username() { return this.#url.username; }
    set username(value) { if (this.#url.host) this.#url.username = encoded(String(value), USER); }
    get password() { return this.#url.password; }
    set password(value) { if (this.#url.host) this.#url.password = encoded(String(value), USER); }
    get host() { return (this.#url.host ?? "") + (this.#url.port === "" ? "" : `:${this.#url.port}`); }

    set host(value) {
        if (typeof this.#url.path === "string") return;
        const place = /^(\[[^\]]*\]|[^:/?#\\]*)(?::(\d+))?/.exec(String(value));
        const host = place[1] === "" ? null : hostOf(place[1], special(this.#url.protocol));
        if (host === null) return;
        this.#url.host = host;
        if (place[2] !== undefined) this.port = place[2];
    }

    get hostname() { return this.#url.host ?? ""; }

    set hostname(value) {
        if (typeof this.#url.path === "string" || String(value).includes(":") && !String(value).startsWith("[")) return;
        const host = hostOf(/^[^/?#\\]*/.exec(String(value))[0], special(this.#url.protocol));
        if (host !== null && host !== "") this.#url.host = host;
    }

    get port() { return this.#url.port; }

    set port(value) {
        if (!this.#url.host || this.#url.protocol === "file:") return;
        const digits = /^\d*/.exec(String(value))[0];
        if (String(value) === "" || String(Number(digits)) === SPECIAL[this.#url.protocol]) this.#url.port = "";
        else if (digits !== "" && Number(digits) <= 65535) this.#url.port = String(Number(digits));
    }

    get pathname() { return pathText(this.#url); }

    set pathname(value) {
        if (typeof this.#url.path === "string") return;
        const text = String(value).replace(/\?/g, "%3F").replace(/#/g, "%23");
        this.#url.path = pathOf(special(this.#url.protocol) ? text.replace(/^[/\\]/, "") : text.replace(/^\//, ""), [], this.#url);
    }

    get search() { return this.#url.query ? `?${this.#url.query}` : ""; }

    set search(value) {
        const text = String(value).replace(/^\?/, "");
        this.#url.query = text === "" ? null : queryOf(text, this.#url.protocol);
        reset(this.#params, this.#url.query ?? "");
    }

    get searchParams() { return this.#params; }
    get hash() { return this.#url.hash ? `#${this.#url.hash}` : ""; }

    set hash(value) {
        const text = String(value).replace(/^#/, "");
        this.#url.hash = text === "" ? null : encoded(text, FRAGMENT);
    }

    toString() {
        return this.href;
    }

    toJSON() {
        return this.href;
    }
}

for (const Kind of [URL, URLSearchParams]) {
    for (const name of Object.getOwnPropertyNames(Kind.prototype)) {
        if (name !== "constructor") Object.defineProperty(Kind.prototype, name, { enumerable: true });
    }
    Object.defineProperty(G, Kind.name, { value: Kind, writable: true, configurable: true });
}
