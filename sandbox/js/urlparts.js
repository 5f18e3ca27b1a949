// The parts of URLs, as the URL Standard has them.
//
//   P.urlParts.parse(text, base)   {protocol username password host port path query hash}, or null; `base` are parts or null
//   P.urlParts.spelled(parts)      the URL; also pathText, hostOf, pathOf, queryOf, encoded, decoded

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
const FORBIDDEN_DOMAIN = /[\0-\x20#%/:<>?@[\\\]^|\x7f]/;

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
    const slashed = rest.replace(/^[^?]*/, (part) => part.replace(/\\/g, "/"));
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
    if (slashed.startsWith("/") && (base === null || base.protocol !== "file:")) return tail(slashed, url);
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
    if (path.startsWith("/")) {
        const kept = base.protocol === "file:" && !isDrive(path.slice(1, 3)) && isDrive(base.path[0] ?? "") ? base.path.slice(0, 1) : [];
        url.path = pathOf(path.slice(1), kept, url);
    } else if (path !== "") url.path = pathOf(path, base.path.slice(0, -1), url);
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

P.urlParts = { SPECIAL, special, parse, spelled, pathText, hostOf, pathOf, queryOf, encoded, decoded, escaped, cut, FRAGMENT, USER };
