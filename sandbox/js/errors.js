// Errors: what scripts throw and catch, and how an exception crosses the border between script and host.
//
//   P.apiError(status, message, data)   an answer that is an error, of no class of its own (what `e.badRequestError` makes)
//   P.goError(message, value?)          an error of the host's: `GoError: message`; `value` is what it is underneath
//   P.goErrorOf(message, members)       … whose value has members of its own
//   P.lacking(member, service)          the error of a member whose service this server lacks
//   P.isGoError(x)                      whether x is one of these: returned by a handler it counts as thrown
//   P.resolved(data)                    an error's data as clients get it: field errors, nested by key
//   P.errorOut(x) / P.errorIn(e)        an exception as JSON, and back
//   P.ApiError P.GoError …              the classes that scripts know by these names
//   P.sentence(text)                    with a capital and a full stop
//   P.stackOf(x)                        the stack of an exception, as the engine has it
//
//   P.requestError(status, message, data)   as `P.apiError`, with the sentences of requests' errors
//
// JSON of an exception, see `worker.hooks.errors`: {kind: "api", status, message, data, raw?} | {kind: "go", message, tree?,
// code?} | {kind: "js", name, message, stack}. `id` is the host's own number of it: what a script rethrows, or does not
// catch, arrives at the host as what it was. `j` is this side's number: what one handler has thrown and another one
// catches is the same object.

const { defineProperty, defineProperties, getPrototypeOf, keys, preventExtensions, freeze } = Object;
const { trunc } = Math;
const Weak = WeakRef;
const DEPTH_MAX = 16;
const THROWN_MAX = 64;
const TEXT_MAX = 16384;

const INVALID = freeze({ code: "validation_invalid_value", message: "Invalid value." });
const BY_DEFAULT = {
    400: "Something went wrong while processing your request.",
    401: "Missing or invalid authentication.",
    403: "You are not allowed to perform this request.",
    404: "The requested resource wasn't found.",
    429: "Too Many Requests.",
    500: "Something went wrong while processing your request.",
};
const STATUS = {
    100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints", 200: "OK", 201: "Created",
    202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content", 205: "Reset Content",
    206: "Partial Content", 207: "Multi-Status", 208: "Already Reported", 226: "IM Used", 300: "Multiple Choices",
    301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 305: "Use Proxy",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
    411: "Length Required", 412: "Precondition Failed", 413: "Request Entity Too Large", 414: "Request URI Too Long",
    415: "Unsupported Media Type", 416: "Requested Range Not Satisfiable", 417: "Expectation Failed",
    418: "I'm a teapot", 421: "Misdirected Request", 422: "Unprocessable Entity", 423: "Locked",
    424: "Failed Dependency", 425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 505: "HTTP Version Not Supported", 506: "Variant Also Negotiates",
    507: "Insufficient Storage", 508: "Loop Detected", 510: "Not Extended", 511: "Network Authentication Required",
};

// What an object is: "api", "validation", "errors" (field errors) or "go" (anything else of the host's).
const kinds = new WeakMap();
// What an object's shown parts are made of, out of a script's reach.
const insides = new WeakMap();
// The host's numbers of exceptions.
const ids = new WeakMap();
const stacks = new WeakMap();

P.sentence = (text) => {
    const trimmed = text.trim();
    if (trimmed === "") return "";
    const [first] = trimmed;
    const whole = first.toUpperCase() + trimmed.slice(first.length);
    return ".?!".includes(whole[whole.length - 1]) ? whole : whole + ".";
};

const text = (x) => (typeof x === "string" ? x : x === undefined || x === null ? "" : String(x));
const hidden = (value) => ({ value, writable: true, configurable: true, enumerable: false });
const shown = (value) => ({ value, writable: false, configurable: false, enumerable: true });
const member = (value) => ({ value, writable: true, configurable: true, enumerable: true });

// -- field errors -------------------------------------------------------------------------------------------------------

function rendered(message, params) {
    if (params === null) return message;
    return message.replace(/\{\{\s*\.([A-Za-z_]\w*)\s*\}\}/g, (_, name) => {
        const value = params[name];
        if (value === undefined) return "<no value>";
        return Array.isArray(value) ? `[${value.join(" ")}]` : String(value);
    });
}

// A field's error: `inside` is {code, message, params}. What is set on one of a script's own makes a new one.
function fieldError(target, inside) {
    kinds.set(target, "validation");
    insides.set(target, inside);
    const changed = (change) => fieldError({}, { ...inside, ...change });
    defineProperties(target, {
        addParam: shown((name, value) => changed({ params: { ...inside.params, [name]: value } })),
        code: shown(() => inside.code),
        error: shown(() => rendered(inside.message, inside.params)),
        message: shown(() => inside.message),
        params: shown(() => inside.params),
        setCode: shown((code) => changed({ code: text(code) })),
        setMessage: shown((message) => changed({ message: text(message) })),
        setParams: shown((params) => changed({ params: { ...params } })),
        toString: hidden(() => rendered(inside.message, inside.params)),
        toJSON: hidden(() => ({})),
    });
    return target;
}

class ValidationError {
    constructor(code, message) {
        const own = (x) => (typeof x === "string" ? x : "");
        preventExtensions(fieldError(this, { code: own(code), message: own(message), params: null }));
    }
}

function fieldBody({ code, message, params }) {
    const body = { code, message: P.sentence(rendered(message, params)) };
    if (params !== null && keys(params).length > 0) body.params = params;
    return body;
}

const put = (target, key, value) => defineProperty(target, key, member(value));

// The words of field errors: {name: message}, nested.
function words(tree) {
    const all = {};
    for (const key of keys(tree).sort()) put(all, key, tree[key].c === undefined ? words(tree[key].t) : tree[key].m);
    return all;
}

function bodies(tree) {
    const all = {};
    for (const key of keys(tree).sort()) {
        const { c, m, p, t } = tree[key];
        put(all, key, c === undefined ? bodies(t) : fieldBody({ code: c, message: m, params: p ?? null }));
    }
    return all;
}

// The value under a GoError: field errors as a tree, or nothing but words, and the code of one of SQLite's.
function underneath(message, tree, members = {}, code = undefined) {
    const value = { ...members };
    kinds.set(value, tree === undefined ? "go" : "errors");
    const parts = code === undefined ? {} : { code: shown(() => code) };
    parts.error = shown(() => message);
    parts.toString = hidden(() => message);
    if (tree !== undefined) {
        insides.set(value, tree);
        parts.filter = shown(() => (keys(tree).length ? value : null));
        parts.marshalJSON = shown(() => P.toBytes?.(JSON.stringify(words(tree))) ?? JSON.stringify(words(tree)));
    }
    parts.toJSON = hidden(() => (tree === undefined ? { ...members } : words(tree)));
    return preventExtensions(defineProperties(value, parts));
}

// -- answers ------------------------------------------------------------------------------------------------------------

P.resolved = (data) => {
    if (data === null || typeof data !== "object" || Array.isArray(data)) return {};
    const kind = kinds.get(data);
    if (kind === "errors") return bodies(insides.get(data));
    return kind === undefined ? resolvedEach(data, 0) : {};
};

function resolvedEach(data, depth) {
    const all = {};
    for (const key of keys(data).sort()) put(all, key, resolvedOne(data[key], depth + 1));
    return all;
}

function resolvedOne(value, depth) {
    if (value === null || typeof value !== "object") return { ...INVALID };
    const kind = kinds.get(value);
    if (kind === "validation") return fieldBody(insides.get(value));
    if (kind === "errors") return bodies(insides.get(value));
    if (kind !== undefined || depth > DEPTH_MAX) return { ...INVALID };
    const parent = getPrototypeOf(value);
    if (parent === Object.prototype || parent === null || value instanceof Error) return resolvedEach(value, depth);
    return { ...INVALID };
}

function asStatus(status) {
    const number = trunc(Number(status));
    return Number.isFinite(number) ? number : 0;
}

// Its methods know it by a weak reference, so that it is freed when nobody has it any more: a cycle would wait for a
// collection of all memory.
function answer(target, status, message, data, sentence) {
    const it = new Weak(target);
    const now = () => it.deref() ?? {};
    kinds.set(target, "api");
    stacks.set(target, new Error().stack);
    defineProperties(target, {
        data: { value: data, writable: true, enumerable: true, configurable: true },
        message: { value: sentence, writable: true, enumerable: true, configurable: true },
        status: { value: status, writable: true, enumerable: true, configurable: true },
        error: shown(() => text(now().message)),
        is: shown((other) => other === now() || (ids.has(now()) && ids.get(other) === ids.get(now()))),
        rawData: shown(() => message),
        toString: hidden(() => text(now().message)),
        toJSON: hidden(() => {
            const { data: own, message: words, status: number } = now();
            return { data: own, message: words, status: number };
        }),
    });
    return target;
}

function fill(target, status, message, data, otherwise) {
    return preventExtensions(
        answer(target, status, data ?? null, P.resolved(data), P.sentence(text(message)) || P.sentence(otherwise)));
}

class ApiError {
    constructor(status, message, data) {
        const number = asStatus(status);
        fill(this, number, message, data, STATUS[number] ?? "");
    }
}
class BadRequestError { constructor(message, data) { fill(this, 400, message, data, BY_DEFAULT[400]); } }
class UnauthorizedError { constructor(message, data) { fill(this, 401, message, data, BY_DEFAULT[401]); } }
class ForbiddenError { constructor(message, data) { fill(this, 403, message, data, BY_DEFAULT[403]); } }
class NotFoundError { constructor(message, data) { fill(this, 404, message, data, BY_DEFAULT[404]); } }
class TooManyRequestsError { constructor(message, data) { fill(this, 429, message, data, BY_DEFAULT[429]); } }
class InternalServerError { constructor(message, data) { fill(this, 500, message, data, BY_DEFAULT[500]); } }

P.apiError = (status, message, data) => {
    const number = asStatus(status);
    return fill({}, number, message, data, STATUS[number] ?? "");
};

P.requestError = (status, message, data) => fill({}, status, message, data, BY_DEFAULT[status] ?? STATUS[status] ?? "");

// -- errors of the host -------------------------------------------------------------------------------------------------

class GoError extends Error {}
defineProperty(GoError.prototype, "name", hidden("GoError"));

P.goError = (message, value) => {
    const error = new GoError(message);
    error.value = value ?? underneath(message);
    return error;
};

// An error with parts that scripts look at, such as the path of a file's.
P.goErrorOf = (message, members) => P.goError(message, underneath(message, undefined, members));

P.lacking = (name, service) => P.goError(`${name} is not available yet: this server has no ${service} service`);

// What is underneath, for who asks what an exception is: a GoError's value counts, not the wrapping.
const bare = (x) => (x instanceof GoError && x.value !== null && typeof x.value === "object" ? x.value : x);
const kindOf = (x) => (x !== null && (typeof x === "object" || typeof x === "function") ? kinds.get(bare(x)) : undefined);

P.isGoError = (x) => kindOf(x) !== undefined;

// -- across the border --------------------------------------------------------------------------------------------------

const thrown = new Map();
let thrownLast = 0;

function numbered(x) {
    thrown.set(++thrownLast, x);
    if (thrown.size > THROWN_MAX) thrown.delete(thrownLast - THROWN_MAX);
    return thrownLast;
}

// loader.js finds the places in the tenant's files
P.trace = (stack) => stack;
const short = (x) => (x.length > TEXT_MAX ? x.slice(0, TEXT_MAX) : x);

// The engine's own stack of an exception, also of those that show none.
P.stackOf = (x) => {
    const stack = stacks.get(x) ?? (x instanceof Error ? x.stack : undefined);
    return typeof stack === "string" ? stack : "";
};
const trace = (x) => short(P.trace(P.stackOf(x)));

P.errorOut = (x) => {
    try {
        return outward(x);
    } catch {
        return { kind: "js", name: "Error", message: "an error that cannot be shown", stack: "" };
    }
};

function outward(x) {
    const it = x !== null && typeof x === "object" ? bare(x) : x;
    const kind = kindOf(x);
    const id = kind === undefined ? (x !== null && typeof x === "object" ? ids.get(x) : undefined) : ids.get(it);
    let out;
    if (kind === undefined) out = plain(x);
    else out = kind === "api" ? apiOut(it) : { kind: "go", message: short(text(it.error())) };
    if (kind !== undefined) out.stack = trace(x);
    if (kind === "errors") out.tree = insides.get(it);
    if (kind === "validation") out.code = insides.get(it).code;
    if (id !== undefined) out.id = id;
    else out.j = numbered(kind === undefined ? x : it);
    return out;
}

// What was handed in as its data is for the log.
function apiOut(it) {
    const out = { kind: "api", status: asStatus(it.status), message: short(text(it.message)), data: it.data ?? {} };
    const raw = it.rawData();
    if (raw !== null) out.raw = plainOf(raw);
    return out;
}

function plainOf(raw) {
    try {
        const json = JSON.stringify(raw);
        return json.length > TEXT_MAX ? undefined : JSON.parse(json);
    } catch {
        return undefined;
    }
}

function plain(x) {
    if (x instanceof Error) return { kind: "js", name: text(x.name), message: short(text(x.message)), stack: trace(x) };
    return { kind: "js", name: "", message: short(String(x)), stack: "" };
}

P.errorIn = (e) => {
    if (e.kind === "js") {
        if (thrown.has(e.j)) return known(thrown.get(e.j), e.id);
        const error = new Error(e.message);
        defineProperty(error, "name", hidden(e.name ?? "")); // none: something was thrown that is no error
        return known(error, e.id);
    }
    let value;
    if (thrown.has(e.j)) value = thrown.get(e.j);
    else if (e.kind === "api") value = preventExtensions(answer({}, e.status, e.data, e.data, e.message));
    else value = underneath(e.message, e.tree, {}, e.code);
    return known(P.goError(e.message, known(value, e.id)), e.id);
};

function known(error, id) {
    if (id !== undefined && error !== null && typeof error === "object") ids.set(error, id);
    return error;
}

for (const kind of [
    ApiError, BadRequestError, UnauthorizedError, ForbiddenError, NotFoundError, TooManyRequestsError,
    InternalServerError, ValidationError, GoError,
]) {
    defineProperty(G, kind.name, hidden(kind));
    P[kind.name] = kind;
}
