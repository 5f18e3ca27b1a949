// URL and URLSearchParams, as the URL Standard has them.

const SPECIAL = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21", "file:": "" };
const special = (protocol) => Object.hasOwn(SPECIAL, protocol);

// -- percent-encoding -------------------------------------------------------------------------------------------------------

const C0 = /[\0-\x1f\x7f-\xff]/g;
const FRAGMENT = /[\0-\x20"<>`\x7f-\xff]/g;
const QUERY = /[\0-\x20"#<>\x7f-\xff]/g;
const SPECIAL_QUERY = /[\0-\x20"#'<>\x7f-\xff]/g;
const PATH = /[\0-\x20"#<>?^`{}\x7f-\xff]/g;
const USER = /[\0-\x20"#/:;<=>?@[\\\]^`{|}\x7f-\xff]/g;

const escaped = (char) => "%" + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
const encoded = (text, set) => P.utf8(text).replace(set, escaped);
const decoded = (text) => P.fromUtf8(P.utf8(text).replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16))));

// -- hosts ------------------------------------------------------------------------------------------------------------------

const FORBIDDEN = /[\0\t\n\r #/:<>?@[\\\]^|]/;
const FORBIDDEN_DOMAIN = /[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f]/;

// One label's code points beyond ASCII, by RFC 3492.
function punycode(label) {
    const chars = Array.from(label, (char) => char.codePointAt(0));
    const basic = chars.filter((code) => code < 128);
    let out = String.fromCharCode(...basic) + (basic.length > 0 ? "-" : "");
    let [n, delta, bias, done] = [128, 0, 72, basic.length];
    while (done < chars.length) {
        const next = Math.min(...chars.filter((code) => code >= n));
        delta += (next - n) * (done + 1);
        n = next;
        for (const code of chars) {
            if (code < n) delta++;
            if (code !== n) continue;
            let left = delta;
            for (let k = 36; ; k += 36) {
                const edge = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
                const digit = left < edge ? left : edge + ((left - edge) % (36 - edge));
                out += String.fromCharCode(digit + (digit < 26 ? 97 : 22));
                if (left < edge) break;
                left = Math.floor((left - edge) / (36 - edge));
            }
            delta = done === basic.length ? Math.floor(delta / 700) : delta >> 1;
            delta += Math.floor(delta / (done + 1));
            bias = 0;
            for (; delta > 455; bias += 36) delta = Math.floor(delta / 35);
            bias += Math.floor((36 * delta) / (delta + 38));
            delta = 0;
            done++;
        }
        delta++;
        n++;
    }
    return "xn--" + out;
}

function toASCII(host) {
    const labels = host.normalize("NFKC").toLowerCase().replace(/\u00ad/g, "").split(/[.\u3002]/);
    return labels.map((label) => (/^[\0-\x7f]*$/.test(label) ? label : punycode(label.normalize("NFC")))).join(".");
}

function number(part) {
    if (part === "") return NaN;
    if (/^0x[0-9a-f]*$/i.test(part)) return part.length === 2 ? 0 : parseInt(part, 16);
    if (/^0[0-7]*$/.test(part)) return parseInt(part, 8);
    return /^[1-9]\d*$/.test(part) ? Number(part) : NaN;
}

// An IPv4 address; undefined for what is a name, null for neither.
function ipv4(host) {
    const parts = host.split(".");
    if (parts.length > 1 && parts[parts.length - 1] === "") parts.pop();
    const last = parts[parts.length - 1];
    if (!/^\d+$/.test(last) && !/^0x[0-9a-f]*$/i.test(last)) return undefined;
    if (parts.length > 4) return null;
    const numbers = parts.map(number);
    if (numbers.some(Number.isNaN) || numbers.slice(0, -1).some((each) => each > 255)) return null;
    const tail = numbers.pop();
    if (tail >= 256 ** (4 - numbers.length)) return null;
    const value = numbers.reduce((sum, each, at) => sum + each * 256 ** (3 - at), tail);
    return [3, 2, 1, 0].map((at) => Math.floor(value / 256 ** at) % 256).join(".");
}

function ipv6(text) {
    let source = text;
    const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
    if (dotted !== null) {
        const bytes = dotted.slice(2);
        if (bytes.some((each) => !/^(0|[1-9]\d{0,2})$/.test(each) || Number(each) > 255)) return null;
        const [a, b, c, d] = bytes.map(Number);
        source = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    }
    const halves = source.split("::");
    if (halves.length > 2) return null;
    const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
    if (groups.flat().some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return null;
    const missing = 8 - groups.flat().length;
    if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
    const words = (halves.length === 2 ? [...groups[0], ...Array(missing).fill("0"), ...groups[1]] : groups[0]).map((each) => parseInt(each, 16));
    let [best, length] = [-1, 1];
    for (let at = 0; at < 8; at++) {
        let end = at;
        while (end < 8 && words[end] === 0) end++;
        if (end - at > length) [best, length] = [at, end - at];
    }
    const hex = (list) => list.map((word) => word.toString(16)).join(":");
    return `[${best < 0 ? hex(words) : `${hex(words.slice(0, best))}::${hex(words.slice(best + length))}`}]`;
}

function hostOf(text, isSpecial) {
    if (text.startsWith("[")) return text.endsWith("]") ? ipv6(text.slice(1, -1)) : null;
    if (!isSpecial) return FORBIDDEN.test(text) ? null : encoded(text, C0);
    const name = toASCII(decoded(text));
    if (name === "" || FORBIDDEN_DOMAIN.test(name)) return null;
    const address = ipv4(name);
    return address === undefined ? name : address;
}

// -- parsing ----------------------------------------------------------------------------------------------------------------

const isDrive = (part) => /^[a-z][:|]$/i.test(part);
const dot = (part) => /^(\.|%2e)$/i.test(part);
const dots = (part) => /^(\.|%2e){2}$/i.test(part);

// A path's parts after those of `base`, without `.` and `..`.
function pathOf(text, base, url) {
    const out = [...base];
    const parts = (special(url.protocol) ? text.replace(/\\/g, "/") : text).split("/");
    parts.forEach((part, at) => {
        const last = at === parts.length - 1;
        if (dots(part)) {
            if (!(url.protocol === "file:" && out.length === 1 && isDrive(out[0]))) out.pop();
            if (last) out.push("");
        } else if (dot(part)) {
            if (last) out.push("");
        } else if (url.protocol === "file:" && out.length === 0 && isDrive(part)) out.push(`${part[0]}:`);
        else out.push(encoded(part, PATH));
    });
    return out;
}

const queryOf = (text, protocol) => encoded(text, special(protocol) ? SPECIAL_QUERY : QUERY);

// What a text with a host says: user, host and port into `url`. Whether it does.
function authority(text, url) {
    const at = text.lastIndexOf("@");
    if (at >= 0) {
        const [user, ...word] = text.slice(0, at).split(":");
        url.username = encoded(user, USER);
        url.password = encoded(word.join(":"), USER);
    }
    const place = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(text.slice(at + 1));
    if (place === null || (place[1] === "" && (special(url.protocol) || at >= 0 || place[2] !== undefined))) return false;
    const host = place[1] === "" ? "" : hostOf(place[1], special(url.protocol));
    if (host === null || Number(place[2] ?? 0) > 65535) return false;
    url.host = host;
    url.port = place[2] === undefined || place[2] === "" || String(Number(place[2])) === SPECIAL[url.protocol] ? "" : String(Number(place[2]));
    return true;
}

function cut(text, mark) {
    const at = text.indexOf(mark);
    return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

const copy = (base) => ({ ...base, path: Array.isArray(base.path) ? [...base.path] : base.path });

// The parts of a URL, or null. `path` is an array, or a text where it is opaque.
function parse(input, base) {
    const text = input.replace(/^[\0-\x20]+|[\0-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
    const [before, fragment] = cut(text, "#");
    const hash = fragment === null ? null : encoded(fragment, FRAGMENT);
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(before);
    if (scheme === null) return base === null ? null : relative(before, base, hash);
    const protocol = scheme[0].toLowerCase();
    const rest = before.slice(scheme[0].length);
    const url = { protocol, username: "", password: "", host: null, port: "", path: [], query: null, hash };
    if (special(protocol) && protocol !== "file:") {
        if (base !== null && base.protocol === protocol && !/^[/\\]{2}/.test(rest)) return relative(rest, base, hash);
        return absolute(rest.replace(/^[/\\]*/, ""), url);
    }
    if (protocol === "file:") return file(rest, url, base);
    if (rest.startsWith("//")) return absolute(rest.slice(2), url);
    const [path, query] = cut(rest, "?");
    url.query = query === null ? null : queryOf(query, protocol);
    url.path = path.startsWith("/") ? pathOf(path.slice(1), [], url) : encoded(path, C0);
    return url;
}

function absolute(text, url) {
    const end = text.search(special(url.protocol) ? /[/\\?]/ : /[/?]/);
    const place = end < 0 ? text : text.slice(0, end);
    if (!authority(place, url)) return null;
    return tail(end < 0 ? "" : text.slice(end), url);
}

// Path and query, which follow a host.
function tail(text, url) {
    const [path, query] = cut(text, "?");
    url.query = query === null ? null : queryOf(query, url.protocol);
    if (path === "") url.path = special(url.protocol) ? [""] : [];
    else url.path = pathOf(path.slice(1), [], url);
    return url;
}

function file(rest, url, base) {
    url.host = "";
    const slashed = rest.replace(/\\/g, "/");
    if (slashed.startsWith("//")) {
        const [, place, more] = /^\/\/([^/?]*)(.*)$/s.exec(slashed);
        if (!isDrive(place)) {
            const host = place === "" ? "" : hostOf(place, true);
            if (host === null) return null;
            url.host = host === "localhost" ? "" : host;
            return tail(more, url);
        }
        return tail(`/${place}${more}`, url);
    }
    if (slashed.startsWith("/")) return tail(slashed, url);
    if (base !== null && base.protocol === "file:") return relative(rest, base, url.hash);
    return tail(`/${slashed}`, url);
}

function relative(text, base, hash) {
    const url = { ...copy(base), hash };
    if (typeof base.path === "string") return text === "" && hash !== null ? url : null;
    const slashed = special(base.protocol) ? text.replace(/^[^?]*/, (part) => part.replace(/\\/g, "/")) : text;
    if (slashed.startsWith("//")) {
        if (base.protocol === "file:") return file(slashed, { ...url, path: [], query: null, username: "", password: "", port: "" }, null);
        const place = special(base.protocol) ? slashed.replace(/^\/+/, "") : slashed.slice(2);
        return absolute(place, { ...url, username: "", password: "", host: null, port: "", path: [], query: null });
    }
    const [path, query] = cut(slashed, "?");
    if (query !== null) url.query = queryOf(query, base.protocol);
    else if (path !== "") url.query = null;
    if (path.startsWith("/")) url.path = pathOf(path.slice(1), [], url);
    else if (path !== "") url.path = pathOf(path, base.path.slice(0, -1), url);
    return url;
}

const pathText = ({ path }) => (typeof path === "string" ? path : path.map((part) => `/${part}`).join(""));

function spelled(url) {
    let out = url.protocol;
    if (url.host !== null) {
        out += "//";
        if (url.username !== "" || url.password !== "") out += `${url.username}${url.password === "" ? "" : `:${url.password}`}@`;
        out += url.host + (url.port === "" ? "" : `:${url.port}`);
    } else if (Array.isArray(url.path) && url.path.length > 1 && url.path[0] === "") out += "/.";
    return out + pathText(url) + (url.query === null ? "" : `?${url.query}`) + (url.hash === null ? "" : `#${url.hash}`);
}

// -- queries ----------------------------------------------------------------------------------------------------------------

const formEncoded = (text) => P.utf8(text.toWellFormed()).replace(/[^*\-.\w ]/g, escaped).replace(/ /g, "+");
const formDecoded = (text) => decoded(text.replace(/\+/g, " "));

const pairsOf = (query) => query.split("&").filter((part) => part !== "").map((part) => {
    const [name, value] = cut(part, "=");
    return [formDecoded(name), formDecoded(value ?? "")];
});

class URLSearchParams {
    #pairs = [];
    #changed;

    static bound(query, changed) {
        const params = new URLSearchParams(query);
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
        this.#params = bound(this.#url.query ?? "", (query) => { this.#url.query = query === "" ? null : query; });
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
