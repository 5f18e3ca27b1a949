// Values between JavaScript and Go: what the real server makes of a script's value, and how it prints and encodes one.
//
//   P.exported(value)      a copy of a script's value as Go would hold it: dates are Times, functions stay, sets are lists
//   P.marshal(value)       the JSON text that Go's encoder writes (keys in order, JSON fields as they are spelled);
//                          throws a GoError for what has none (functions, NaN)
//   P.cast                 {text bool int float texts}: lenient casts, none of them throws
//   P.bytesOf(text)        its UTF-8 as an array of numbers that is known for bytes
//   P.asBytes(array)       makes an array one that is known for bytes: it prints as text where Go has a []byte
//   P.JSONRaw P.rawOf(text)                            a JSON field's value: bytes to JSON.stringify, its text to String
//
// A value "of Go's" is an object of a class of the prelude's, with `toJSON` on its prototype; it is kept as it is.

const { isArray } = Array;
const { getPrototypeOf, keys, prototype: ObjectPrototype } = Object;
const { isSafeInteger, isFinite: isFiniteNumber } = Number;
const { stringify, parse } = JSON;
const { trunc, abs } = Math;
const DEPTH_MAX = 1000;
const NAMES_MAX = 500;
const NAME_CHARS_MAX = 64;
const cast = {};
P.cast = cast;

// -- UTF-8 --------------------------------------------------------------------------------------------------------------

const byteLists = new WeakSet();

P.isMarked = (list) => byteLists.has(list);
P.asBytes = (list) => { byteLists.add(list); return list; };
const bytesOf = (text) => P.asBytes(P.numbers(P.utf8(text)));
const textOf = (bytes) => P.fromUtf8(P.binary(bytes));
const isBytes = (v) => typeof v === "object" && v !== null && (byteLists.has(v) || v instanceof Uint8Array || v instanceof JSONRaw);
P.bytesOf = bytesOf;

// -- JSON fields --------------------------------------------------------------------------------------------------------

// The text stays a text until somebody looks at the bytes: then the list is filled, and counts from then on.
const raws = new WeakMap();

class JSONRaw extends Array {
    static get [Symbol.species]() { return Array; }

    string() { return rawText(this); }
    toString() { return rawText(this); }
    value() { return rawText(this); }
    marshalJSON() { return bytesOf(rawText(this)); }
    unmarshalJSON(b) { setRaw(this, cast.text(b)); }

    scan(value) {
        if (value === null || value === undefined) setRaw(this, "");
        else setRaw(this, isBytes(value) || typeof value === "string" ? cast.text(value) : marshal(value));
    }
}
Object.defineProperty(JSONRaw.prototype, "constructor", { value: Array, enumerable: false });

const NOT_BYTES = new Set(["string", "toString", "value", "marshalJSON", "unmarshalJSON", "scan", "constructor", "toJSON", "then"]);

function rawText(raw) {
    const state = raws.get(raw);
    if (state === undefined) return textOf(raw);
    return (state.filled ? textOf(state.list) : state.text) || "null";
}

function setRaw(raw, text) {
    const state = raws.get(raw);
    if (state === undefined) return;
    state.text = text;
    state.filled = false;
    state.list.length = 0;
}

function filled(list) {
    const state = raws.get(list);
    if (!state.filled) {
        state.filled = true;
        for (const byte of bytesOf(state.text)) Array.prototype.push.call(list, byte);
    }
    return list;
}

const LAZY = {
    get(list, key) {
        if (typeof key === "string" ? NOT_BYTES.has(key) : key !== Symbol.iterator) return Reflect.get(list, key);
        return Reflect.get(filled(list), key);
    },
    set: (list, key, value) => Reflect.set(filled(list), key, value),
    has: (list, key) => Reflect.has(filled(list), key),
    ownKeys: (list) => Reflect.ownKeys(filled(list)),
    deleteProperty: (list, key) => Reflect.deleteProperty(filled(list), key),
    defineProperty: (list, key, descriptor) => Reflect.defineProperty(filled(list), key, descriptor),
    getOwnPropertyDescriptor: (list, key) => Reflect.getOwnPropertyDescriptor(filled(list), key),
};
// The value of a JSON field whose text is `text`; null and "" are the empty list of bytes, which prints as null.
P.rawOf = (text) => {
    const list = new JSONRaw();
    const state = { text: text ?? "", filled: false, list };
    raws.set(list, state);
    const raw = new Proxy(list, LAZY);
    raws.set(raw, state);
    return raw;
};
P.JSONRaw = JSONRaw;
P.rawText = rawText;

// -- the encoder --------------------------------------------------------------------------------------------------------

const unsupported = (what) => P.goError(`json: unsupported ${what}`);
const wellFormed = typeof String.prototype.toWellFormed === "function" ? (s) => s.toWellFormed() : (s) => s;

// JSON text without blanks between its parts.
P.compact = (text) => (/[ \t\r\n]/.test(text) ? text.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, "$1") : text);

P.isJSON = (text) => {
    try { parse(text); return true; } catch { return false; }
};

function marshal(v, depth = 0) {
    switch (typeof v) {
        case "string": return stringify(wellFormed(v));
        case "number":
            if (!isFiniteNumber(v)) throw unsupported(`value: ${cast.text(v)}`);
            return Object.is(v, -0) ? "-0" : String(v);
        case "boolean": case "bigint": return String(v);
        case "undefined": return "null";
        case "symbol": return stringify(v.description ?? "");
        case "function": throw unsupported("type: func(goja.FunctionCall) goja.Value");
    }
    if (v === null) return "null";
    if (depth > DEPTH_MAX) throw unsupported("value: encountered a cycle");
    if (isArray(v) && !(v instanceof P.FieldsList)) {
        if (v instanceof JSONRaw) {
            const text = rawText(v);
            if (!P.isJSON(text)) throw P.goError("json: error calling MarshalJSON for type types.JSONRaw: invalid character");
            return P.compact(text);
        }
        if (byteLists.has(v)) return stringify(P.base64(P.binary(v)));
        const parts = [];
        for (let at = 0; at < v.length; at++) parts.push(marshal(v[at], depth + 1));
        return `[${parts.join(",")}]`;
    }
    if (getPrototypeOf(v) === ObjectPrototype && !P.isStruct(v) && !P.isGoError(v)) return membersOf(v, depth);
    if (P.isRecord(v)) return P.recordJSON(v);
    if (v instanceof P.GeoPoint) return v.string();
    if (v instanceof P.FieldsList) return marshal(P.fieldsWire(v), depth + 1);
    if (isGo(v)) return marshal(typeof v.toJSON === "function" ? v.toJSON() : P.wire(v), depth + 1);
    const own = exported(v);
    if (typeof own !== "object" || own === null || isArray(own) || isGo(own)) return marshal(own, depth + 1);
    return membersOf(own, depth);
}

// Names of members as they are written; programs have few of them.
const names = new Map();

function nameOf(key) {
    let written = names.get(key);
    if (written === undefined) {
        written = `${stringify(wellFormed(key))}:`;
        if (names.size < NAMES_MAX && key.length <= NAME_CHARS_MAX) names.set(key, written);
    }
    return written;
}

function membersOf(v, depth) {
    const own = keys(v);
    if (own.length === 0) return "{}";
    if (own.length > 1) own.sort();
    let text = "{";
    for (let at = 0; at < own.length; at++) {
        const key = own[at];
        const member = v[key];
        const written = typeof member === "string" ? stringify(wellFormed(member)) : marshal(member, depth + 1);
        text += (at === 0 ? "" : ",") + nameOf(key) + written;
    }
    return text + "}";
}

P.marshal = (v) => marshal(v);

// -- what Go holds of a value -------------------------------------------------------------------------------------------

function isGo(v) {
    if (P.isStruct(v) || P.isGoError(v)) return true;
    if (typeof v.toJSON !== "function" || v instanceof Date) return false;
    for (let at = v; at !== null; at = getPrototypeOf(at)) if (Object.hasOwn(at, "toJSON")) return at !== v;
    return false;
}
P.isGo = (v) => typeof v === "object" && v !== null && isGo(v);

function exported(v, depth = 0) {
    switch (typeof v) {
        case "undefined": return null;
        case "symbol": return v.description ?? "";
        case "object": break;
        default: return v;
    }
    if (v === null || depth > DEPTH_MAX) return null;
    if (isArray(v)) {
        if (byteLists.has(v) || v instanceof JSONRaw) return v;
        return Array.from(v, (item) => exported(item, depth + 1));
    }
    if (isGo(v)) return v;
    if (v instanceof Date) return P.timeOf(v);
    if (v instanceof Uint8Array) return P.asBytes(Array.from(v));
    if (v instanceof ArrayBuffer || v instanceof RegExp || v instanceof Error || v instanceof String) return {};
    if (v instanceof Number || v instanceof Boolean) return v instanceof P.Duration || v instanceof P.Month || v instanceof P.Weekday ? v : v.valueOf();
    if (v instanceof Map || v instanceof Set) return exported([...v], depth + 1);
    const copy = {};
    for (const key of keys(v)) {
        if (key === "__proto__") Object.defineProperty(copy, key, { value: exported(v[key], depth + 1), enumerable: true, writable: true, configurable: true });
        else copy[key] = exported(v[key], depth + 1);
    }
    return copy;
}
P.exported = (v) => exported(v);

// -- casts --------------------------------------------------------------------------------------------------------------

// A number without an exponent, as Go's %f with as few digits as it takes.
function numberText(n) {
    if (Number.isNaN(n)) return "NaN";
    if (!isFiniteNumber(n)) return n > 0 ? "+Inf" : "-Inf";
    if (Object.is(n, -0)) return "-0";
    const text = String(n);
    const at = text.indexOf("e");
    if (at < 0) return text;
    const sign = text[0] === "-" ? "-" : "";
    const [whole, part = ""] = text.slice(sign.length, at).split(".");
    const power = Number(text.slice(at + 1));
    const digits = whole + part;
    const point = whole.length + power;
    if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
    return sign + digits.padEnd(point, "0");
}

cast.text = (v) => {
    switch (typeof v) {
        case "string": return v;
        case "number": return numberText(v);
        case "boolean": case "bigint": return String(v);
        case "symbol": return v.description ?? "";
        case "object": break;
        default: return "";
    }
    if (v === null) return "";
    if (isArray(v)) return v instanceof JSONRaw ? rawText(v) : byteLists.has(v) ? textOf(v) : typeof v.string === "function" ? v.string() : "";
    if (v instanceof Uint8Array) return textOf(v);
    if (v instanceof Date) return P.timeOf(v).string();
    if (v instanceof P.Duration || v instanceof P.Month || v instanceof P.Weekday) return v.string();
    if (v instanceof Number) return numberText(+v);
    if (v instanceof Boolean) return String(v);
    if (P.isRecord(v) || !isGo(v)) return "";
    if (typeof v.string === "function") return String(v.string());
    return P.isGoError(v) ? String(v.message) : "";
};

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);

cast.bool = (v) => {
    if (v instanceof Number || v instanceof Boolean) v = v.valueOf();
    switch (typeof v) {
        case "boolean": return v;
        case "number": return v !== 0;
        case "string": return TRUE.has(v);
        default: return false;
    }
};

const FLOAT = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const SPECIAL = /^([+-]?)(?:(inf|infinity)|nan)$/i;

cast.float = (v) => {
    if (v instanceof Number || v instanceof Boolean) v = v.valueOf();
    switch (typeof v) {
        case "number": return v;
        case "boolean": return v ? 1 : 0;
        case "string": {
            if (FLOAT.test(v)) {
                const n = Number(v.replaceAll("_", ""));
                return isFiniteNumber(n) ? n : 0;
            }
            const special = SPECIAL.exec(v);
            if (special === null) return 0;
            return special[2] === undefined ? NaN : special[1] === "-" ? -Infinity : Infinity;
        }
        default: return 0;
    }
};

const INT = /^([+-]?)(?:0[xX]_?([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[bB]_?([01]+(?:_[01]+)*)|0[oO]?_?([0-7]+(?:_[0-7]+)*)|([1-9]\d*(?:_\d+)*|0))$/;
const INT64 = 2 ** 63;

cast.int = (v) => {
    if (v instanceof Number || v instanceof Boolean) v = v.valueOf();
    switch (typeof v) {
        case "number": return Number.isNaN(v) || abs(v) >= INT64 ? -INT64 : trunc(v) + 0;
        case "boolean": return v ? 1 : 0;
        case "string": {
            const match = INT.exec(/^[-+]?\d*\.\d*$/.test(v) ? v.slice(0, v.indexOf(".")) : v);
            if (match === null) return 0;
            const [, sign, hex, binary, octal, decimal] = match;
            const [digits, prefix] = hex ? [hex, "0x"] : binary ? [binary, "0b"] : octal ? [octal, "0o"] : [decimal, ""];
            const n = BigInt(prefix + digits.replaceAll("_", ""));
            const signed = sign === "-" ? -n : n;
            return BigInt.asIntN(64, signed) === signed ? Number(signed) : 0;
        }
        default: return 0;
    }
};

function distinct(texts) {
    return [...new Set(texts)].filter((text) => text !== "");
}

function textsOf(text) {
    let parsed;
    try { parsed = parse(text); } catch { return null; }
    if (!isArray(parsed) || !parsed.every((item) => typeof item === "string" || item === null)) return null;
    return distinct(parsed.map((item) => item ?? ""));
}

// A list of distinct texts that are not empty.
cast.texts = (v) => {
    switch (typeof v) {
        case "string": return v === "" ? [] : (v[0] === "[" ? textsOf(v) : null) ?? [v];
        case "number": case "boolean": case "symbol": return distinct([cast.text(v)]);
        case "object": break;
        default: return [];
    }
    if (v === null) return [];
    if (isArray(v)) return v instanceof JSONRaw ? textsOf(rawText(v)) ?? [] : distinct(Array.from(v, cast.text));
    if (v instanceof Set) return distinct(Array.from(v, cast.text));
    if (v instanceof Uint8Array) return distinct(Array.from(v, String));
    if (v instanceof Date || v instanceof P.Time || v instanceof P.DateTime || P.isRecord(v)) return [];
    return distinct([cast.text(v)]);
};

P.isInteger = (v) => isSafeInteger(v) && !Object.is(v, -0);
P.numberText = numberText;
