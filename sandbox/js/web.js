// What scripts know from everywhere: console, process, structuredClone, base64, text encodings, crypto, AbortController.
//
//   P.variables()            the tenant's own variables, as an object of texts
//   P.printed(values)          what `console.log` prints of them

const { defineProperty } = Object;
const put = (name, value) => defineProperty(G, name, { value, writable: true, configurable: true, enumerable: false });

const DOMError = G.DOMException;

// -- console --------------------------------------------------------------------------------------------------------------
// As the real one prints: `%s %d %j` in a first argument that is a text, everything else as a text with spaces between.

const LINE_CHARS_MAX = 16384;

const asText = (value) => {
    try {
        return typeof value === "symbol" ? value.description ?? "" : String(value);
    } catch {
        return Object.prototype.toString.call(value);
    }
};

const asJSON = (value) => {
    try {
        return JSON.stringify(value) ?? "undefined";
    } catch {
        return asText(value);
    }
};

P.printed = (values) => {
    let rest = values;
    const out = [];
    if (typeof values[0] === "string") {
        let at = 1;
        const forms = { s: asText, d: (value) => String(Number(value)), j: asJSON };
        out.push(values[0].replace(/%([sdj%])/g, (whole, kind) =>
            kind === "%" ? (values.length > 1 ? "%" : whole) : at < values.length ? forms[kind](values[at++]) : whole));
        rest = values.slice(at);
    }
    for (const value of rest) out.push(asText(value));
    return out.join(" ");
};

const say = (level) => (...values) => {
    const line = P.printed(values).toWellFormed();
    P.host("console", level, line.length > LINE_CHARS_MAX ? line.slice(0, LINE_CHARS_MAX).toWellFormed() : line);
};

const counts = new Map();
const clocks = new Map();
const label = (name) => (name === undefined ? "default" : asText(name));
const info = say("info");
const took = (name) => `${name}: ${(clocks.has(name) ? Date.now() - clocks.get(name) : 0)}ms`;

G.console = {
    log: say("log"),
    error: say("error"),
    warn: say("warn"),
    info,
    debug: say("debug"),
};
// The real one has the five above; what others have beside them says it by these.
const more = {
    trace: (...values) => say("debug")(...values),
    dir: (value) => info(asJSON(value)),
    table: (value) => info(asJSON(value)),
    group: (...values) => { if (values.length > 0) info(...values); },
    groupEnd() {},
    assert: (held, ...values) => { if (!held) say("error")("Assertion failed", ...values); },
    count(name) {
        counts.set(label(name), (counts.get(label(name)) ?? 0) + 1);
        info(`${label(name)}: ${counts.get(label(name))}`);
    },
    countReset: (name) => { counts.delete(label(name)); },
    time: (name) => { clocks.set(label(name), Date.now()); },
    timeLog: (name, ...values) => info(took(label(name)), ...values),
    timeEnd: (name) => { info(took(label(name))); clocks.delete(label(name)); },
};
for (const name of Object.keys(more)) defineProperty(G.console, name, { value: more[name], writable: true, configurable: true });

// -- process --------------------------------------------------------------------------------------------------------------

let variables;
P.variables = () => (variables ??= P.host("variables"));

let environment;
G.process = {
    get env() { return (environment ??= { ...P.variables() }); },
    set env(value) { environment = value; },
};

// -- structuredClone ------------------------------------------------------------------------------------------------------

const CLONED_MAX = 1000000;

function cloned(value, seen) {
    if (typeof value === "function" || typeof value === "symbol") throw new DOMError(`${asText(value)} could not be cloned.`, "DataCloneError");
    if (value === null || typeof value !== "object") return value;
    if (seen.has(value)) return seen.get(value);
    if (seen.size > CLONED_MAX) throw new RangeError("there is too much to clone");
    const keep = (copy) => (seen.set(value, copy), copy);
    if (Array.isArray(value)) {
        const out = keep(new Array(value.length));
        for (const key of Object.keys(value)) out[key] = cloned(value[key], seen);
        return out;
    }
    if (value instanceof Date) return keep(new Date(value.getTime()));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (ArrayBuffer.isView(value)) {
        const buffer = cloned(value.buffer, seen);
        const length = value instanceof DataView ? value.byteLength : value.length;
        return keep(new value.constructor(buffer, value.byteOffset, length));
    }
    if (value instanceof Map) {
        const out = keep(new Map());
        for (const [key, each] of value) out.set(cloned(key, seen), cloned(each, seen));
        return out;
    }
    if (value instanceof Set) {
        const out = keep(new Set());
        for (const each of value) out.add(cloned(each, seen));
        return out;
    }
    if (value instanceof Error) {
        const kinds = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
        const out = keep(new (kinds[value.name] ?? Error)(value.message));
        defineProperty(out, "stack", { value: value.stack, writable: true, configurable: true });
        if ("cause" in value) out.cause = cloned(value.cause, seen);
        return out;
    }
    for (const Kind of [Boolean, Number, String, BigInt]) if (value instanceof Kind) return keep(Object(value.valueOf()));
    if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
        throw new DOMError(`${Object.prototype.toString.call(value)} could not be cloned.`, "DataCloneError");
    }
    const out = keep({});
    for (const key of Object.keys(value)) out[key] = cloned(value[key], seen);
    return out;
}

put("structuredClone", function structuredClone(value) {
    if (arguments.length === 0) throw new TypeError("structuredClone needs a value");
    return cloned(value, new Map());
});

// -- base64 and text encodings ----------------------------------------------------------------------------------------------

put("btoa", function btoa(data) {
    const binary = String(data);
    if (/[^\0-\xff]/.test(binary)) throw new DOMError("there are characters outside of Latin1", "InvalidCharacterError");
    return P.base64(binary);
});

put("atob", function atob(data) {
    const digits = String(data).replace(/[\t\n\f\r ]/g, "");
    const padded = digits.length % 4 === 0 ? digits.replace(/={1,2}$/, "") : digits;
    const binary = /[^A-Za-z0-9+/]/.test(padded) ? null : P.fromBase64(padded);
    if (binary === null) throw new DOMError("the text is not correctly encoded", "InvalidCharacterError");
    return binary;
});

put("TextEncoder", class TextEncoder {
    get encoding() {
        return "utf-8";
    }

    encode(text = "") {
        return P.array(P.utf8(String(text)));
    }

    encodeInto(text, target) {
        let read = 0;
        let written = 0;
        for (const char of String(text)) {
            const binary = P.utf8(char);
            if (written + binary.length > target.length) break;
            for (let at = 0; at < binary.length; at++) target[written++] = binary.charCodeAt(at);
            read += char.length;
        }
        return { read, written };
    }
});

const LABELS = new Map([
    ...["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"].map((name) => [name, "utf-8"]),
    ...["utf-16le", "utf-16", "ucs-2", "unicode", "unicodefeff", "iso-10646-ucs-2", "csunicode"].map((name) => [name, "utf-16le"]),
    ...["latin1", "iso-8859-1", "iso8859-1", "l1", "ascii", "us-ascii", "windows-1252", "cp1252", "x-cp1252"].map((name) => [name, "windows-1252"]),
]);
const CP1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

put("TextDecoder", class TextDecoder {
    #left = "";
    #fresh = true;

    constructor(name = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
        const encoding = LABELS.get(String(name).trim().toLowerCase());
        if (encoding === undefined) throw new RangeError(`The "${name}" encoding is not supported`);
        defineProperty(this, "encoding", { value: encoding, enumerable: true });
        defineProperty(this, "fatal", { value: Boolean(fatal), enumerable: true });
        defineProperty(this, "ignoreBOM", { value: Boolean(ignoreBOM), enumerable: true });
    }

    decode(data = "", { stream = false } = {}) {
        let binary = this.#left + P.binary(data);
        this.#left = "";
        if (stream) {
            const cut = this.encoding === "utf-8" ? unfinished(binary) : this.encoding === "utf-16le" ? binary.length % 2 : 0;
            this.#left = binary.slice(binary.length - cut);
            binary = binary.slice(0, binary.length - cut);
        }
        let out = this.encoding === "utf-8" ? this.#utf8(binary) : this.encoding === "utf-16le" ? this.#utf16(binary) : cp1252(binary);
        if (this.#fresh && !this.ignoreBOM && out.startsWith("\ufeff") && this.encoding !== "windows-1252") out = out.slice(1);
        this.#fresh = !stream;
        return out;
    }

    #utf8(binary) {
        const out = P.fromUtf8(binary);
        if (this.fatal && out.includes("\ufffd") && P.utf8(out) !== binary) throw new TypeError("The encoded data was not valid utf-8");
        return out;
    }

    #utf16(binary) {
        let out = "";
        for (let at = 0; at + 1 < binary.length; at += 2) out += String.fromCharCode(binary.charCodeAt(at) | (binary.charCodeAt(at + 1) << 8));
        if (binary.length % 2) out += "\ufffd";
        if (this.fatal && (binary.length % 2 || !out.isWellFormed())) throw new TypeError("The encoded data was not valid utf-16le");
        return out.toWellFormed();
    }
});

// How many bytes at the end are the beginning of a character.
function unfinished(binary) {
    for (let back = 1; back <= 3 && back <= binary.length; back++) {
        const byte = binary.charCodeAt(binary.length - back);
        if ((byte & 0xc0) === 0x80) continue;
        return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1) > back ? back : 0;
    }
    return 0;
}

const cp1252 = (binary) => binary.replace(/[\x80-\x9f]/g, (char) => CP1252[char.charCodeAt(0) - 0x80]);

// -- crypto -----------------------------------------------------------------------------------------------------------------

const RANDOM_BYTES_MAX = 65536;
let ALL_BYTES;
const randomBytes = (count) => P.host("random", count, (ALL_BYTES ??= String.fromCharCode(...Array(256).keys())));

put("crypto", {
    getRandomValues(list) {
        if (!ArrayBuffer.isView(list) || list instanceof DataView || list instanceof Float32Array || list instanceof Float64Array) {
            throw new DOMError("the array is not one of integers", "TypeMismatchError");
        }
        if (list.byteLength > RANDOM_BYTES_MAX) throw new DOMError(`more than ${RANDOM_BYTES_MAX} bytes`, "QuotaExceededError");
        new Uint8Array(list.buffer, list.byteOffset, list.byteLength).set(P.array(randomBytes(list.byteLength)));
        return list;
    },

    randomUUID() {
        const bytes = P.array(randomBytes(16));
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
        return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    },
});

// -- events and AbortController ---------------------------------------------------------------------------------------------

class Event {
    constructor(type) {
        this.type = String(type);
        this.target = null;
    }
}

class EventTarget {
    #listeners = [];

    addEventListener(type, listener, options) {
        if (typeof listener !== "function" || this.#listeners.some((each) => each.type === type && each.listener === listener)) return;
        this.#listeners.push({ type, listener, once: Boolean(options && options.once) });
    }

    removeEventListener(type, listener) {
        this.#listeners = this.#listeners.filter((each) => each.type !== type || each.listener !== listener);
    }

    dispatchEvent(event) {
        event.target = this;
        if (typeof this[`on${event.type}`] === "function") this[`on${event.type}`](event);
        for (const each of this.#listeners.filter(({ type }) => type === event.type)) {
            if (each.once) this.removeEventListener(each.type, each.listener);
            each.listener.call(this, event);
        }
        return true;
    }
}

let making = false;
let abort;

class AbortSignal extends EventTarget {
    #aborted = false;
    #reason;
    onabort = null;

    static {
        abort = (signal, reason) => {
            if (signal.#aborted) return;
            signal.#aborted = true;
            signal.#reason = reason === undefined ? new DOMError("This operation was aborted", "AbortError") : reason;
            signal.dispatchEvent(new Event("abort"));
        };
    }

    constructor() {
        super();
        if (!making) throw new TypeError("Illegal constructor");
    }

    get aborted() {
        return this.#aborted;
    }

    get reason() {
        return this.#reason;
    }

    throwIfAborted() {
        if (this.#aborted) throw this.#reason;
    }

    static abort(reason) {
        const signal = made();
        abort(signal, reason);
        return signal;
    }

    static timeout(milliseconds) {
        const signal = made();
        G.setTimeout(() => abort(signal, new DOMError("The operation was aborted due to timeout", "TimeoutError")), milliseconds);
        return signal;
    }

    static any(signals) {
        const signal = made();
        for (const each of signals) {
            if (each.aborted) abort(signal, each.reason);
            else each.addEventListener("abort", () => abort(signal, each.reason), { once: true });
        }
        return signal;
    }
}

function made() {
    making = true;
    try {
        return new AbortSignal();
    } finally {
        making = false;
    }
}

put("AbortController", class AbortController {
    #signal = made();

    get signal() {
        return this.#signal;
    }

    abort(reason) {
        abort(this.#signal, reason);
    }
});
put("AbortSignal", AbortSignal);
put("Event", Event);
put("EventTarget", EventTarget);
