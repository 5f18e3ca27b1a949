// `$http.send`.
//
//   P.fetched({url, method, body, headers, timeout})   sends a request: {status, headers, url, redirected, path, text,
//                              binary}; `redirect` is "manual" or "error" where none is to be followed

const text = P.goText;
const plain = (value) => value !== null && typeof value === "object";

const int = (value) => {
    const number = Math.trunc(Number(value));
    return Number.isSafeInteger(number) ? number : 0;
};

function headersOf(given) {
    const out = {};
    if (plain(given)) for (const name of Object.keys(given)) out[text(name)] = text(given[name]);
    return out;
}

function formParts(entries) {
    const parts = [];
    for (const [name, value] of entries) {
        if (P.isFile(value)) parts.push([text(name), text(value.originalName), P.fileBytes(value), null]);
        else parts.push([text(name), text(value)]);
    }
    return parts;
}

// What the real one takes for a body: texts, bytes in buffers, forms, and things that can be read; nothing else.
function bodyOf({ body, data }) {
    const entries = P.formEntries(body);
    if (entries !== undefined) return { form: formParts(entries) };
    if (plain(data) && Object.keys(data).length > 0) return { body: P.utf8(P.marshal(data)) };
    if (body === undefined || body === null) return {};
    if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return { body: P.binary(body) };
    if (typeof body !== "object") return { body: P.utf8(text(body)) };
    const read = P.readAll(body);
    return read === undefined ? {} : { body: read };
}

// The parts of an error that Go's client has: `Get "URL": reason`.
function explained(error) {
    const found = /^([A-Z]?[a-z]*) "((?:[^"\\]|\\.)*)": (.*)$/s.exec(String(error.message));
    if (found === null) return error;
    const [, op, url, reason] = found;
    return P.goErrorOf(error.message, { op, url, err: /^invalid (character|URL escape)/.test(reason) ? reason : {} });
}

function sent(request) {
    try {
        return P.host("http.send", request);
    } catch (error) {
        throw explained(error);
    }
}

P.fetched = (config) => {
    const answer = sent({
        url: text(config.url),
        method: text(config.method),
        headers: headersOf(config.headers),
        timeout: int(config.timeout),
        redirect: text(config.redirect),
        ...bodyOf(config),
    });
    const { bytes: binary } = answer;
    return {
        status: answer.status,
        headers: answer.headers,
        url: answer.url,
        redirected: answer.redirected,
        path: answer.path,
        get text() { return binary === undefined ? answer.text : P.fromUtf8(binary); },
        get binary() { return binary ?? P.utf8(answer.text); },
    };
};

// -- cookies --------------------------------------------------------------------------------------------------------------

const SAME_SITE = { lax: 2, strict: 3, none: 4 };
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function cookieOf(line) {
    const [first, ...rest] = line.split(";").map((part) => part.trim());
    const at = first.indexOf("=");
    const name = at < 0 ? "" : first.slice(0, at).trim();
    if (!NAME.test(name)) return null;
    const raw = first.slice(at + 1);
    const quoted = raw.length > 1 && raw.startsWith('"') && raw.endsWith('"');
    const members = { name, value: quoted ? raw.slice(1, -1) : raw, quoted, raw: line, unparsed: [] };
    for (const part of rest) {
        if (part === "") continue;
        const mark = part.indexOf("=");
        const value = mark < 0 ? "" : part.slice(mark + 1);
        switch ((mark < 0 ? part : part.slice(0, mark)).toLowerCase()) {
            case "samesite": members.sameSite = SAME_SITE[value.toLowerCase()] ?? 1; break;
            case "secure": members.secure = true; break;
            case "httponly": members.httpOnly = true; break;
            case "partitioned": members.partitioned = true; break;
            case "domain": members.domain = value; break;
            case "path": members.path = value; break;
            case "max-age": if (/^-?\d+$/.test(value)) members.maxAge = Number(value) > 0 ? Number(value) : -1; break;
            case "expires": {
                members.rawExpires = value;
                const time = Date.parse(value);
                if (!Number.isNaN(time)) members.expires = new P.Time(Math.floor(time / 1000), 0);
                break;
            }
            default: members.unparsed.push(part);
        }
    }
    return new P.Cookie(members);
}

function cookiesOf(lines) {
    const out = {};
    for (const line of lines ?? []) {
        const cookie = cookieOf(line);
        if (cookie !== null) out[cookie.name] = cookie;
    }
    return out;
}

// -- the answer -----------------------------------------------------------------------------------------------------------

// A member that is made when it is first looked at.
function lazy(object, name, make) {
    const settle = (value) => Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
    Object.defineProperty(object, name, {
        get() { return settle(make())[name]; },
        set: settle,
        enumerable: true,
        configurable: true,
    });
}

function parsedJSON(from) {
    try {
        return JSON.parse(from);
    } catch {
        return null;
    }
}

G.$http = {
    send(config) {
        const response = P.fetched(plain(config) ? config : {});
        const out = {};
        lazy(out, "json", () => parsedJSON(response.text));
        out.headers = response.headers;
        out.cookies = cookiesOf(response.headers["Set-Cookie"]);
        lazy(out, "raw", () => response.text);
        lazy(out, "body", () => P.asBytes(P.numbers(response.binary)));
        out.statusCode = response.status;
        return out;
    },
};
