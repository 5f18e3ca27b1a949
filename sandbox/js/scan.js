// Database values on their way into a script's variables, by the rules of Go's database/sql, and back as parameters.
//
// A member or scalar becomes P.scanned(value, type): type is one of string, int, float, bool, array, object, any, with a
// "?" at its end for one that may be null. It throws a P.ScanFault, which whoever reads rows turns into the real one's
// error with the column's number and name.
//
// A database value on the wire: null, a text, a number (with a fraction: a float), {f} a float without one, {i} an
// integer too long for a number, {b} a blob as a binary string, {t} a time. Parameters go the other way alike.
//
//   P.plainValue(value)            a database value as a script sees it where no type was asked for
//   P.param(value, number)         a parameter's wire form; a GoError for what no driver takes
//   P.floatText(n, exponentMax?)   a float as strconv prints it (%g); 21 for who prints it as fmt does (%v)

const { isInteger, isSafeInteger, isFinite: isFiniteNumber } = Number;
const { isArray } = Array;
const INT_MAX = 9223372036854775807n;
const FLOAT = /^[+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

class ScanFault extends Error {}
P.ScanFault = ScanFault;
const fault = (message) => { throw new ScanFault(message); };

P.floatText = (n, exponentMax = 6) => {
    if (Number.isNaN(n)) return "NaN";
    if (!isFiniteNumber(n)) return n > 0 ? "+Inf" : "-Inf";
    if (n === 0) return Object.is(n, -0) ? "-0" : "0";
    const [digits, power] = n.toExponential().split("e");
    const exponent = Number(power);
    if (exponent >= -4 && exponent < exponentMax) return String(n);
    return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
};

// -- what a value is ----------------------------------------------------------------------------------------------------

function kindOf(value) {
    if (value === null) return "nil";
    if (typeof value === "string") return "string";
    if (typeof value === "number") return isInteger(value) ? "int64" : "float64";
    if (value.f !== undefined) return "float64";
    if (value.i !== undefined) return "int64";
    return value.t !== undefined ? "time.Time" : "[]uint8";
}

const special = { "-0": -0, NaN: NaN, "+Inf": Infinity, "-Inf": -Infinity };
const floatOf = (value) => (typeof value === "number" ? value : typeof value.f === "number" ? value.f : special[value.f]);
function textOf(value) {
    switch (kindOf(value)) {
        case "string": return value;
        case "int64": return typeof value === "number" ? String(value) : value.i;
        case "float64": return P.floatText(floatOf(value));
        case "time.Time": return value.t;
        default: return P.fromUtf8(value.b);
    }
}
P.driverText = textOf;

// A driver's value as a script sees it where no type was asked for.
function plain(value) {
    switch (kindOf(value)) {
        case "int64": return Number(typeof value === "number" ? value : value.i);
        case "float64": return floatOf(value);
        case "time.Time": return value.t;
        case "[]uint8": return P.numbers(value.b);
        default: return value;
    }
}
P.plainValue = plain;
P.driverType = kindOf;

// -- into scalars -------------------------------------------------------------------------------------------------------

const nothing = (type) => fault(`converting NULL to ${type} is unsupported`);
const misfit = (value, type, why) => fault(`converting driver.Value type ${kindOf(value)} (${P.goQuote(textOf(value))}) to a ${type}: ${why}`);

function toInt(value) {
    if (value === null) nothing("int64");
    if (typeof value === "number" && isInteger(value)) return value;
    const text = textOf(value);
    if (!/^[+-]?\d+$/.test(text)) misfit(value, "int64", "invalid syntax");
    const number = BigInt(text[0] === "+" ? text.slice(1) : text);
    if (number > INT_MAX || number < -INT_MAX - 1n) misfit(value, "int64", "value out of range");
    return Number(number);
}

function toFloat(value) {
    if (value === null) nothing("float64");
    const kind = kindOf(value);
    if (kind === "float64") return floatOf(value);
    const text = textOf(value);
    if (kind !== "int64" && !FLOAT.test(text)) {
        const named = /^[+-]?(?:inf(?:inity)?|nan)$/i.test(text);
        if (!named) misfit(value, "float64", "invalid syntax");
        return /nan/i.test(text) ? NaN : text[0] === "-" ? -Infinity : Infinity;
    }
    const number = Number(text.replaceAll("_", ""));
    if (!isFiniteNumber(number)) misfit(value, "float64", "value out of range");
    return number;
}

function toBool(value) {
    const kind = kindOf(value);
    if (kind === "int64" && (value === 0 || value === 1)) return value === 1;
    if (kind === "string" || kind === "[]uint8") {
        const text = textOf(value);
        if (TRUE.has(text)) return true;
        if (FALSE.has(text)) return false;
        fault(`sql/driver: couldn't convert ${P.goQuote(text)} into type bool`);
    }
    if (kind === "int64") fault(`sql/driver: couldn't convert ${textOf(value)} into type bool`);
    fault(`sql/driver: couldn't convert ${value === null ? "<nil> (<nil>)" : `${textOf(value)} (${kind})`} into type bool`);
}

// -- into JSON ----------------------------------------------------------------------------------------------------------

const jsonKind = (json) => (json === null ? "null" : isArray(json) ? "array" : typeof json);

// Where a text stops to be JSON, in Go's words, as far as a simple look tells.
function jsonFault(text) {
    const start = text.trimStart();
    if (start === "") return "jsontext: unexpected EOF";
    if (!/^[[{"\-\dtfn]/.test(start)) return `jsontext: invalid character ${P.goQuoteRune(start)} at start of value`;
    let open = 0;
    let at = 0;
    for (const token of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]|[^"[\]{}]+|"/gs)) {
        at = token.index + token[0].length;
        if (token[0] === "[" || token[0] === "{") open++;
        if ((token[0] === "]" || token[0] === "}") && --open === 0) break;
    }
    const rest = text.slice(at).trimStart();
    if (open === 0 && rest !== "") {
        return `jsontext: invalid character ${P.goQuoteRune(rest)} after top-level value after offset ${P.utf8(text.slice(0, text.length - rest.length)).length}`;
    }
    return `jsontext: unexpected EOF after offset ${P.utf8(text).length}`;
}
P.jsonFault = jsonFault;

function fromJSON(value, list) {
    const type = list ? "JSONArray" : "JSONMap";
    const kind = kindOf(value);
    if (kind === "nil") return list ? [] : {};
    if (kind === "int64") fault(`failed to unmarshal ${list ? type : "JSONMap[T]"} value: ${P.goQuoteRune(String.fromCodePoint(Number(textOf(value)) & 0x1ffff))}`);
    if (kind === "float64") fault(`failed to unmarshal ${list ? type : "JSONMap[T]"} value: %!q(float64=${textOf(value)})`);
    const text = textOf(value);
    if (text === "") return list ? [] : {};
    let json;
    try {
        json = JSON.parse(text);
    } catch {
        fault(jsonFault(text));
    }
    if (json === null) return list ? [] : {};
    if (isArray(json) !== list || typeof json !== "object") {
        fault(`json: cannot unmarshal JSON ${jsonKind(json)} into Go types.${type}[interface {}]`);
    }
    return json;
}

const INTO = {
    string: (value) => (value === null ? nothing("string") : textOf(value)),
    int: toInt,
    float: toFloat,
    bool: toBool,
    array: (value) => fromJSON(value, true),
    object: (value) => fromJSON(value, false),
    any: plain,
};

P.scanned = (value, type) => {
    if (typeof value === "string" && (type === "string" || type === "string?")) return value;
    if (type.endsWith("?")) return value === null ? null : INTO[type.slice(0, -1)](value);
    return INTO[type](value);
};

// -- parameters ---------------------------------------------------------------------------------------------------------

const unsupported = (number, type) => P.goError(`sql: converting argument $${number} type: unsupported type ${type}`);

// A moment as Go's time.Time prints itself.
function momentText(date) {
    if (Number.isNaN(date.getTime())) return "0001-01-01 00:00:00 +0000 UTC";
    const text = date.toISOString();
    const fraction = text.slice(19, -1).replace(/\.?0+$/, "");
    return `${text.slice(0, 10)} ${text.slice(11, 19)}${fraction} +0000 UTC`;
}

function number(value) {
    if (Number.isNaN(value)) return null;
    if (!isFiniteNumber(value)) return { f: value > 0 ? "+Inf" : "-Inf" };
    if (Object.is(value, -0)) return { f: "-0" };
    return isInteger(value) && !isSafeInteger(value) ? { f: value } : value;
}

P.param = (value, at) => {
    switch (typeof value) {
        case "undefined": return null;
        case "string": return value.isWellFormed() ? value : value.toWellFormed();
        case "number": return number(value);
        case "boolean": return value;
        case "bigint": throw unsupported(at, "big.Int, a struct");
        case "symbol": return value.description ?? "";
        case "function": throw unsupported(at, "func(goja.FunctionCall) goja.Value, a func");
    }
    if (value === null) return null;
    if (value instanceof Date) return momentText(value);
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return P.param(value.valueOf(), at);
    if (typeof value.value === "function" && (isArray(value) || P.isGo(value))) return P.param(value.value(), at);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return { b: P.binary(value) };
    if (isArray(value)) {
        if (P.isMarked(value)) return { b: P.binary(value) };
        throw unsupported(at, "[]interface {}, a slice of interface");
    }
    if (P.isRecord(value)) throw unsupported(at, "core.Record, a struct");
    throw unsupported(at, "map[string]interface {}, a map");
};

// -- Go's quotes --------------------------------------------------------------------------------------------------------

const ESCAPES = { "\x07": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\" };

const escaped = (character, quote) => {
    if (character === quote) return "\\" + quote;
    if (ESCAPES[character] !== undefined) return ESCAPES[character];
    const code = character.codePointAt(0);
    if (code < 32 || code === 127) return "\\x" + code.toString(16).padStart(2, "0");
    if (/[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(character) || character === " ") return character;
    return code > 0xffff ? "\\U" + code.toString(16).padStart(8, "0") : "\\u" + code.toString(16).padStart(4, "0");
};

// A text as %q prints it.
P.goQuote ??= (text) => `"${Array.from(text, (character) => escaped(character, "\"")).join("")}"`;
// The first character of a text as %q prints a rune.
P.goQuoteRune = (text) => `'${escaped(Array.from(text)[0] ?? "\0", "'")}'`;
