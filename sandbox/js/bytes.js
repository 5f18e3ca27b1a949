// Bytes, as they lie in JavaScript and as they go over the line.
//
//   P.goText(value)             what Go makes of a value where it wants a string: nothing is "", lone surrogates are U+FFFD
//   P.binary(value, at)         what Go makes of it where it wants []byte, as a *binary string*: a character a byte
//   P.isBytes(value)            whether it is something that holds bytes
//   P.utf8(text) / P.fromUtf8(binary)   a text's UTF-8 as a binary string, and back (what is no UTF-8 becomes U+FFFD)
//   P.numbers(binary)           a binary string as an array of numbers, which is what the real one gives for []byte
//   P.array(binary)             … as a Uint8Array
//   P.base64(binary, url) / P.fromBase64(text)   null for what is none
//   P.reader(object, read)      makes an object one that can be read: read(bytesMax) → what is left in it, as a binary string
//   P.readAll(value, bytesMax)  what is left in such an object; undefined for others
//
// JSON carries binary strings at one to two bytes a byte, and the engine makes and parses them natively: that is several
// times quicker than base64 written in JavaScript.

const { fromCharCode } = String;
const { isArray } = Array;
const { encodeURIComponent: percent, decodeURIComponent: unpercent, escape, unescape } = G;
const CHUNK = 8192;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const readers = new WeakMap();

P.goText = (value) => {
    if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
    if (value === undefined || value === null) return "";
    return String(value).toWellFormed();
};

P.utf8 = (text) => {
    if (/^[\0-\x7f]*$/.test(text)) return text;
    const whole = text.isWellFormed() ? text : text.toWellFormed();
    let out = "";
    for (let at = 0; at < whole.length;) {
        let end = Math.min(at + CHUNK, whole.length);
        const last = whole.charCodeAt(end - 1);
        if (end < whole.length && last >= 0xd800 && last < 0xdc00) end--;
        out += unescape(percent(whole.slice(at, end)));
        at = end;
    }
    return out;
};

P.fromUtf8 = (binary) => {
    if (/^[\0-\x7f]*$/.test(binary)) return binary;
    let out = "";
    for (let at = 0; at < binary.length;) {
        let end = Math.min(at + CHUNK, binary.length);
        // not in the middle of a character
        for (let back = 0; end < binary.length && back < 3 && (binary.charCodeAt(end) & 0xc0) === 0x80; back++) end--;
        const part = binary.slice(at, end);
        try {
            out += unpercent(escape(part));
        } catch {
            out += mended(part);
        }
        at = end;
    }
    return out;
};

// As the Encoding Standard has it: each longest beginning of a character that is cut short is one U+FFFD.
function mended(binary) {
    let out = "";
    for (let at = 0; at < binary.length;) {
        const first = binary.charCodeAt(at++);
        if (first < 0x80) {
            out += fromCharCode(first);
            continue;
        }
        let more = first >= 0xc2 && first <= 0xdf ? 1 : first >= 0xe0 && first <= 0xef ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0;
        if (more === 0) {
            out += "\ufffd";
            continue;
        }
        let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
        let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
        let code = first & (more === 1 ? 0x1f : more === 2 ? 0x0f : 0x07);
        for (; more > 0 && at < binary.length; more--) {
            const next = binary.charCodeAt(at);
            if (next < low || next > high) break;
            low = 0x80;
            high = 0xbf;
            code = (code << 6) | (next & 0x3f);
            at++;
        }
        out += more === 0 ? String.fromCodePoint(code) : "\ufffd";
    }
    return out;
}

// -- []byte ---------------------------------------------------------------------------------------------------------------

P.isBytes = (value) => value !== null && typeof value === "object" &&
    (isArray(value) || value instanceof ArrayBuffer || ArrayBuffer.isView(value));

P.binary = (value, at = 0) => {
    if (typeof value === "string") return P.utf8(value);
    if (value === undefined || value === null) return "";
    if (value instanceof ArrayBuffer) return packed(new Uint8Array(value));
    if (ArrayBuffer.isView(value)) {
        return packed(value instanceof DataView ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value);
    }
    if (isArray(value)) return packed(value);
    if (typeof value === "object" && typeof value[Symbol.iterator] === "function") return packed([...value]);
    throw new TypeError(`could not convert function call parameter ${at}: cannot convert ${String(value)} to []uint8: not an array or iterable`);
};

function packed(list) {
    const small = list instanceof Uint8Array;
    const part = small ? (at) => list.subarray(at, at + CHUNK) : (at) => Array.prototype.slice.call(list, at, at + CHUNK);
    let out = "";
    for (let at = 0; at < list.length; at += CHUNK) {
        let text = fromCharCode.apply(null, part(at));
        if (!small && /[^\0-\xff]/.test(text)) text = fromCharCode.apply(null, part(at).map((each) => each & 255));
        out += text;
    }
    return out;
}

P.numbers = (binary) => {
    const { length } = binary;
    const out = new Array(length);
    for (let at = 0; at < length; at++) out[at] = binary.charCodeAt(at);
    return out;
};

P.array = (binary) => {
    const { length } = binary;
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at++) out[at] = binary.charCodeAt(at);
    return out;
};

// -- base64 ---------------------------------------------------------------------------------------------------------------

P.base64 = (binary, url = false) => {
    const digits = url ? DIGITS.slice(0, 62) + "-_" : DIGITS;
    let out = "";
    for (let at = 0; at < binary.length; at += 3) {
        const left = binary.length - at;
        const bits = (binary.charCodeAt(at) << 16) | ((left > 1 ? binary.charCodeAt(at + 1) : 0) << 8) | (left > 2 ? binary.charCodeAt(at + 2) : 0);
        out += digits[bits >> 18] + digits[(bits >> 12) & 63];
        if (left > 1) out += digits[(bits >> 6) & 63];
        else if (!url) out += "=";
        if (left > 2) out += digits[bits & 63];
        else if (!url) out += "=";
    }
    return out;
};

const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]).concat([["-", 62], ["_", 63]]));

P.fromBase64 = (text) => {
    const digits = text.replace(/={1,2}$/, "");
    if (digits.length % 4 === 1) return null;
    let out = "";
    let bits = 0;
    let count = 0;
    for (const digit of digits) {
        const value = VALUES.get(digit);
        if (value === undefined) return null;
        bits = ((bits << 6) | value) & 0xffffff;
        if ((count += 6) >= 8) {
            count -= 8;
            out += fromCharCode((bits >> count) & 255);
        }
    }
    return out;
};

// -- readers --------------------------------------------------------------------------------------------------------------

P.reader = (object, read) => {
    readers.set(object, read);
    return object;
};

P.readAll = (value, bytesMax) => {
    if (value === null || typeof value !== "object") return undefined;
    const read = readers.get(value);
    return read === undefined ? undefined : read(bytesMax);
};
