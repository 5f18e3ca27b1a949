// Headers, queries, URLs and cookies as Go has them.
//
//   P.Header(pairs, changed?)   an http.Header of [name, value] pairs; `changed` is called after each change
//   P.headerPairs(header)       its [name, value] pairs
//   P.Values(pairs)             a url.Values
//   P.URL(text)                 a url.URL of a request's target
//   P.pairsOf(query)            the pairs of an urlencoded text; what is malformed is left out
//   P.cookiesOf(lines)          the cookies of Cookie headers
//   P.setCookieLine(cookie)     what stands in a Set-Cookie header; "" for one without a proper name
//   G.Cookie

const { defineProperty, keys } = Object;
const { encodeURIComponent: percent, decodeURIComponent: unpercent, unescape } = G;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const text = (value) => P.goText(value);

// Members for scripts: methods stay out of sight.
function methods(Kind) {
    for (const name of Object.getOwnPropertyNames(Kind.prototype)) {
        if (name !== "constructor") defineProperty(Kind.prototype, name, { enumerable: false });
    }
    return Kind;
}
P.hideMethods = methods;

// -- headers and queries ------------------------------------------------------------------------------------------------

const canonical = new Map();

function canonicalName(name) {
    let found = canonical.get(name);
    if (found !== undefined) return found;
    found = TOKEN.test(name) ? name.toLowerCase().replace(/(^|-)([a-z])/g, (_, dash, first) => dash + first.toUpperCase()) : name;
    if (canonical.size < 500 && name.length < 100) canonical.set(name, found);
    return found;
}
P.canonicalName = canonicalName;

let mapOf;

// What Header and Values have in common: a map of lists.
class Lists {
    #lists = new Map();
    #changed;
    #named;

    constructor(pairs, named, changed) {
        this.#named = named;
        for (const [name, value] of pairs) this.#put(named(text(name)), value);
        this.#changed = changed;
    }

    static {
        mapOf = (lists) => lists.#lists;
    }

    #put(name, value) {
        const list = this.#lists.get(name);
        if (list === undefined) this.#lists.set(name, [value]);
        else list.push(value);
    }

    get(name) { return this.#lists.get(this.#named(text(name)))?.[0] ?? ""; }

    set(name, value) {
        this.#lists.set(this.#named(text(name)), [text(value)]);
        this.#changed?.();
    }

    add(name, value) {
        this.#put(this.#named(text(name)), text(value));
        this.#changed?.();
    }

    del(name) {
        this.#lists.delete(this.#named(text(name)));
        this.#changed?.();
    }

    toJSON() {
        const out = {};
        for (const [name, list] of this.#lists) defineProperty(out, name, { value: [...list], enumerable: true, writable: true, configurable: true });
        return out;
    }
}
methods(Lists);

const pairsIn = (lists) => {
    const pairs = [];
    for (const [name, list] of mapOf(lists)) for (const value of list) pairs.push([name, value]);
    return pairs;
};

class Header extends Lists {
    values(name) { return [...(mapOf(this).get(canonicalName(text(name))) ?? [])]; }
    clone() { return new Header(pairsIn(this), canonicalName); }
    write() { throw P.goError("a header can't be written from a script"); }
    writeSubset() { throw P.goError("a header can't be written from a script"); }
}
methods(Header);

class Values extends Lists {
    has(name) { return mapOf(this).has(text(name)); }
    clone() { return new Values(pairsIn(this), same); }

    encode() {
        const parts = [];
        for (const name of [...mapOf(this).keys()].sort()) {
            for (const value of mapOf(this).get(name)) parts.push(`${queryEscape(name)}=${queryEscape(value)}`);
        }
        return parts.join("&");
    }
}
methods(Values);

const same = (name) => name;
P.Header = (pairs, changed) => new Header(pairs, canonicalName, changed);
P.headerPairs = pairsIn;
P.Values = (pairs) => new Values(pairs, same);
P.listsOf = mapOf;

const upperHex = (char) => "%" + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
const queryEscape = (value) => percent(value.toWellFormed()).replace(/[!'()*]/g, upperHex).replace(/%20/g, "+");

function unescaped(value, plus) {
    const bytes = plus ? value.replace(/\+/g, " ") : value;
    if (!bytes.includes("%")) return bytes;
    if (/%(?![0-9a-fA-F]{2})/.test(bytes)) return undefined;
    try {
        return unpercent(bytes);
    } catch {
        return P.fromUtf8(unescape(P.utf8(bytes)));
    }
}

P.pairsOf = (query) => {
    const pairs = [];
    for (const part of query.split("&")) {
        if (part === "" || part.includes(";")) continue;
        const at = part.indexOf("=");
        const name = unescaped(at < 0 ? part : part.slice(0, at), true);
        const value = at < 0 ? "" : unescaped(part.slice(at + 1), true);
        if (name !== undefined && value !== undefined) pairs.push([name, value]);
    }
    return pairs;
};

// -- URLs -----------------------------------------------------------------------------------------------------------------

const PATH_KEPT = /[^A-Za-z0-9\-._~$&+,/:;=@]/g;
const PATH_PLAIN = /^[A-Za-z0-9\-._~$&+,/:;=@]*$/;
const pathEscape = (path) => PATH_PLAIN.test(path) ? path : path.replace(PATH_KEPT, (char) => (char.charCodeAt(0) < 0x80 ? upperHex(char) : percent(char)))
    .replace(/[\ud800-\udfff]+/g, (char) => percent(char.toWellFormed()));
const fragmentEscape = (value) => percent(value.toWellFormed()).replace(/%(21|24|26|27|28|29|2A|2B|2C|2F|3A|3B|3D|3F|40)/g, (each) => unescape(each));

class GoURL {
    // A target's has these members alone; others are given the rest.
    constructor(path, rawPath, rawQuery, forceQuery, others) {
        this.scheme = this.opaque = "";
        this.user = null;
        this.host = "";
        this.path = path;
        this.fragment = "";
        this.rawQuery = rawQuery;
        this.rawPath = rawPath;
        this.rawFragment = "";
        this.forceQuery = forceQuery;
        this.omitHost = false;
        if (others !== undefined) for (const name of keys(this)) this[name] = others[name] ?? this[name];
    }

    static of(parts) { return new GoURL("", "", "", false, parts); }

    query() { return P.Values(P.pairsOf(text(this.rawQuery))); }
    hostname() { return hostOf(this.host)[0]; }
    port() { return hostOf(this.host)[1]; }
    isAbs() { return this.scheme !== ""; }
    clone() { return GoURL.of(this); }
    escapedFragment() { return this.rawFragment || fragmentEscape(this.fragment); }

    escapedPath() {
        const { rawPath, path } = this;
        if (rawPath !== "" && unescaped(rawPath, false) === path) return rawPath;
        return path === "*" ? "*" : pathEscape(path);
    }

    requestURI() {
        let uri = this.opaque || this.escapedPath() || "/";
        if (this.opaque.startsWith("//")) uri = `${this.scheme}:${uri}`;
        return this.forceQuery || this.rawQuery !== "" ? `${uri}?${this.rawQuery}` : uri;
    }

    string() {
        let out = this.scheme === "" ? "" : `${this.scheme}:`;
        if (this.opaque !== "") out += this.opaque;
        else {
            if ((this.scheme !== "" || this.host !== "" || this.user !== null) && !(this.omitHost && this.host === "")) {
                if (this.host !== "" || this.path !== "" || this.user !== null) out += "//";
                out += this.host;
            }
            const path = this.escapedPath();
            if (path !== "" && path[0] !== "/" && this.host !== "") out += "/";
            out += path;
        }
        if (this.forceQuery || this.rawQuery !== "") out += `?${this.rawQuery}`;
        return this.fragment === "" ? out : `${out}#${this.escapedFragment()}`;
    }

    redacted() { return this.string(); }
    toString() { return this.string(); }

    joinPath(...parts) {
        const joined = [this.escapedPath(), ...parts.map(text)].join("/");
        const out = [];
        for (const part of joined.split("/")) {
            if (part === "..") out.pop();
            else if (part !== "" && part !== ".") out.push(part);
        }
        const path = "/" + out.join("/") + (joined.endsWith("/") && out.length > 0 ? "/" : "");
        return GoURL.of({ ...this, path: unescaped(path, false) ?? path, rawPath: "" });
    }

    parse(reference) { return this.resolveReference(parsedURL(text(reference))); }

    resolveReference(other) {
        if (other.scheme !== "" || other.host !== "") return GoURL.of({ ...other, scheme: other.scheme || this.scheme });
        if (other.path === "") {
            return GoURL.of({ ...this, rawQuery: other.rawQuery || this.rawQuery, fragment: other.fragment, rawFragment: other.rawFragment });
        }
        const base = other.path[0] === "/" ? "" : this.path.slice(0, this.path.lastIndexOf("/") + 1);
        const at = GoURL.of({ path: "/" }).joinPath(base + other.path);
        const path = other.path.endsWith("/") && !at.path.endsWith("/") ? at.path + "/" : at.path;
        return GoURL.of({ ...this, path, rawPath: "", rawQuery: other.rawQuery, fragment: other.fragment });
    }

    marshalBinary() { return P.numbers(P.utf8(this.string())); }
}
methods(GoURL);

function hostOf(host) {
    const found = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(text(host));
    return found === null ? [text(host), ""] : [found[1].replace(/^\[|\]$/g, ""), found[2] ?? ""];
}

function parsedURL(target) {
    const [, scheme = "", , host = "", rest, , query, , fragment = ""] =
        /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(\/\/([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?$/s.exec(target);
    const path = unescaped(rest, false);
    if (path === undefined) throw P.goError(`parse ${JSON.stringify(target)}: invalid URL escape`);
    return GoURL.of({
        scheme: scheme.toLowerCase(), host, path, rawPath: pathEscape(path) === rest ? "" : rest,
        rawQuery: query ?? "", forceQuery: query === "", fragment: unescaped(fragment, false) ?? fragment,
    });
}

P.URL = (target) => {
    const at = target.indexOf("?");
    const rest = at < 0 ? target : target.slice(0, at);
    const path = unescaped(rest, false) ?? rest;
    const rawQuery = at < 0 ? "" : target.slice(at + 1);
    return new GoURL(path, pathEscape(path) === rest ? "" : rest, rawQuery, at >= 0 && rawQuery === "");
};

// -- cookies --------------------------------------------------------------------------------------------------------------

const COOKIE_MEMBERS = {
    name: "", value: "", quoted: false, path: "", domain: "", expires: null, rawExpires: "", maxAge: 0, secure: false,
    httpOnly: false, sameSite: 0, partitioned: false, raw: "", unparsed: null,
};
const SAME_SITE = { 2: "Lax", 3: "Strict", 4: "None" };
const NO_TIME = "0001-01-01T00:00:00Z";
const CASTS = { string: text, boolean: Boolean, number: (value) => Math.trunc(Number(value)) || 0 };

class Cookie {
    constructor(options) {
        const given = options !== null && typeof options === "object" ? options : {};
        for (const name of keys(COOKIE_MEMBERS)) {
            const zero = COOKIE_MEMBERS[name];
            const value = given[name];
            if (name === "unparsed") this[name] = Array.isArray(value) ? value.map(text) : [];
            else if (name === "expires") this[name] = value ?? NO_TIME;
            else this[name] = value === undefined || value === null ? zero : CASTS[typeof zero](value);
        }
    }

    string() { return P.setCookieLine(this); }
    toString() { return this.string(); }

    valid() {
        if (!TOKEN.test(this.name)) throw P.goError("http: invalid Cookie.Name");
    }
}
methods(Cookie);

// Go's JSON of an http.Cookie has its own names of the members.
P.cookieJSON = (cookie) => {
    const out = {};
    for (const name of keys(COOKIE_MEMBERS)) out[name === "httpOnly" ? "HttpOnly" : name[0].toUpperCase() + name.slice(1)] = cookie[name];
    return out;
};

G.Cookie = Cookie;
P.Cookie = Cookie;

function expiry(value) {
    if (value === null || value === undefined || value === NO_TIME) return undefined;
    const date = new Date(value instanceof Date ? value : typeof value === "number" ? value : String(value));
    return Number.isNaN(date.getTime()) || date.getUTCFullYear() < 1601 ? undefined : date.toUTCString();
}

function domain(value) {
    const bare = value.startsWith(".") ? value.slice(1) : value;
    const isName = /^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9-]{1,63})*$/.test(bare) && bare.length <= 253;
    return isName ? bare : "";
}

P.setCookieLine = (cookie) => {
    const name = text(cookie.name);
    if (!TOKEN.test(name)) return "";
    let value = P.utf8(text(cookie.value)).replace(/[^\x20\x21\x23-\x3a\x3c-\x5b\x5d-\x7e]/g, "");
    if (cookie.quoted || /[ ,]/.test(value)) value = `"${value}"`;
    let line = `${name}=${value}`;
    const path = P.utf8(text(cookie.path)).replace(/[^\x20-\x3a\x3c-\x7e]/g, "");
    if (path !== "") line += `; Path=${path}`;
    const host = domain(text(cookie.domain));
    if (host !== "") line += `; Domain=${host}`;
    const expires = expiry(cookie.expires);
    if (expires !== undefined) line += `; Expires=${expires}`;
    const maxAge = Math.trunc(Number(cookie.maxAge)) || 0;
    if (maxAge !== 0) line += `; Max-Age=${maxAge > 0 ? maxAge : 0}`;
    if (cookie.httpOnly) line += "; HttpOnly";
    if (cookie.secure) line += "; Secure";
    const sameSite = SAME_SITE[Number(cookie.sameSite)];
    if (sameSite !== undefined) line += `; SameSite=${sameSite}`;
    return cookie.partitioned ? line + "; Partitioned" : line;
};

P.cookiesOf = (lines) => {
    const found = [];
    for (const line of lines) {
        for (const part of line.split(";")) {
            const trimmed = part.trim();
            if (trimmed === "") continue;
            const at = trimmed.indexOf("=");
            const name = (at < 0 ? trimmed : trimmed.slice(0, at)).trim();
            let value = at < 0 ? "" : trimmed.slice(at + 1).trim();
            const quoted = value.length > 1 && value[0] === '"' && value.endsWith('"');
            if (quoted) value = value.slice(1, -1);
            if (TOKEN.test(name) && !/[^\x20\x21\x23-\x3a\x3c-\x5b\x5d-\x7e]/.test(value)) found.push(new Cookie({ name, value, quoted }));
        }
    }
    return found;
};
