// `Buffer`: a Uint8Array with encodings, and with numbers of all sizes. What the real one has, and what Node's has beside.

const { defineProperty } = Object;

function failure(Kind, code, message) {
    const error = new Kind(message);
    defineProperty(error, "toString", { value: () => `${error.name} [${code}]: ${error.message}`, writable: true, configurable: true });
    error.code = code;
    return error;
}

// -- encodings --------------------------------------------------------------------------------------------------------------

const HEX = "0123456789abcdef";

const fromHex = (text) => {
    let out = "";
    for (let at = 0; at + 1 < text.length; at += 2) {
        const byte = /^[0-9a-f]{2}$/i.test(text.slice(at, at + 2)) ? parseInt(text.slice(at, at + 2), 16) : -1;
        if (byte < 0) break;
        out += String.fromCharCode(byte);
    }
    return out;
};

const toHex = (binary) => {
    let out = "";
    for (let at = 0; at < binary.length; at++) out += HEX[binary.charCodeAt(at) >> 4] + HEX[binary.charCodeAt(at) & 15];
    return out;
};

const toUtf16 = (text) => {
    let out = "";
    for (let at = 0; at < text.length; at++) out += String.fromCharCode(text.charCodeAt(at) & 255, text.charCodeAt(at) >> 8);
    return out;
};

const fromUtf16 = (binary) => {
    let out = "";
    for (let at = 0; at + 1 < binary.length; at += 2) out += String.fromCharCode(binary.charCodeAt(at) | (binary.charCodeAt(at + 1) << 8));
    return out;
};

const narrow = (text) => text.replace(/[^\0-\xff]/g, (char) => String.fromCharCode(char.charCodeAt(0) & 255));
const lenient = (text) => {
    const digits = text.replace(/[^A-Za-z0-9+/_-]/g, "");
    return P.fromBase64(digits.length % 4 === 1 ? digits.slice(0, -1) : digits) ?? "";
};

// name → [text to binary, binary to text]
const ENCODINGS = {
    utf8: [P.utf8, P.fromUtf8],
    hex: [fromHex, toHex],
    base64: [lenient, (binary) => P.base64(binary)],
    base64url: [lenient, (binary) => P.base64(binary, true)],
    latin1: [narrow, (binary) => binary],
    ascii: [narrow, (binary) => binary.replace(/[\x80-\xff]/g, (char) => String.fromCharCode(char.charCodeAt(0) & 127))],
    utf16le: [toUtf16, fromUtf16],
};
const NAMES = {
    "utf-8": "utf8", binary: "latin1", "ucs-2": "utf16le", ucs2: "utf16le", "utf-16le": "utf16le",
};
const known = (encoding) => {
    const name = String(encoding).toLowerCase();
    return ENCODINGS[Object.hasOwn(NAMES, name) ? NAMES[name] : Object.hasOwn(ENCODINGS, name) ? name : ""];
};
const codec = (encoding) => (encoding === undefined || encoding === null ? ENCODINGS.utf8 : known(encoding) ?? ENCODINGS.utf8);
const codecTo = (encoding) => {
    if (encoding !== undefined && known(encoding) === undefined) {
        throw failure(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${String(encoding)}`);
    }
    return codec(encoding);
};

// -- making -----------------------------------------------------------------------------------------------------------------

const made = (binary) => {
    const out = new Buffer(binary.length);
    for (let at = 0; at < binary.length; at++) out[at] = binary.charCodeAt(at);
    return out;
};

class Buffer extends Uint8Array {
    static poolSize = 8192;

    static from(value, second, third) {
        if (typeof value === "string") return made(codec(second)[0](value));
        if (value instanceof ArrayBuffer) return new Buffer(value, second, third);
        if (value instanceof String) return made(P.utf8(String(value)));
        if (value !== null && typeof value === "object") {
            if (ArrayBuffer.isView(value) || Array.isArray(value) || typeof value.length === "number") return new Buffer(Array.from(value));
            if (value.type === "Buffer" && Array.isArray(value.data)) return new Buffer(value.data);
        }
        throw failure(TypeError, "ERR_INVALID_ARG_TYPE",
            "The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. " +
            `Received ${String(value)}`);
    }

    static alloc(size, fill, encoding) {
        const out = new Buffer(counted(size));
        return fill === undefined || fill === 0 ? out : out.fill(fill, 0, out.length, encoding);
    }

    static concat(list, total) {
        if (!Array.isArray(list)) {
            throw failure(TypeError, "ERR_INVALID_ARG_TYPE", 'The "list" argument must be of type Array.');
        }
        const wrong = list.findIndex((each) => !(each instanceof Uint8Array));
        if (wrong >= 0) {
            throw failure(TypeError, "ERR_INVALID_ARG_TYPE", `The "list[${wrong}]" argument must be an instance of Buffer or Uint8Array.`);
        }
        const length = total === undefined ? list.reduce((sum, each) => sum + each.length, 0) : counted(total);
        const out = new Buffer(length);
        let at = 0;
        for (const each of list) {
            if (at >= length) break;
            out.set(each.subarray(0, length - at), at);
            at += each.length;
        }
        return out;
    }

    toString(encoding, start = 0, end = this.length) {
        const from = Math.max(0, Math.trunc(start) || 0);
        const to = Math.min(this.length, end === undefined ? this.length : Math.trunc(end) || 0);
        const [, decode] = codecTo(encoding);
        return from >= to ? "" : decode(P.binary(new Uint8Array(this.buffer, this.byteOffset + from, to - from)));
    }

    equals(other) {
        if (!(other instanceof Uint8Array)) {
            throw failure(TypeError, "ERR_INVALID_ARG_TYPE", 'The "otherBuffer" argument must be an instance of Buffer or Uint8Array.');
        }
        return this.length === other.length && this.every((byte, at) => byte === other[at]);
    }

    write(text, ...rest) {
        if (typeof text !== "string") throw failure(TypeError, "ERR_INVALID_ARG_TYPE", 'The "string" argument must be of type string.');
        const encoding = typeof rest[rest.length - 1] === "string" ? rest.pop() : undefined;
        const [offset = 0, length = this.length - offset] = rest;
        if (offset < 0 || offset > this.length) throw outOfRange("offset", offset);
        const binary = codec(encoding)[0](text).slice(0, Math.max(0, Math.min(length, this.length - offset)));
        for (let at = 0; at < binary.length; at++) this[offset + at] = binary.charCodeAt(at);
        return binary.length;
    }
}

// Methods that the real one lacks; they don't show where it has none.
const more = {
    subarray(start, end) {
        const part = Uint8Array.prototype.subarray.call(new Uint8Array(this.buffer, this.byteOffset, this.length), start, end);
        return new Buffer(part.buffer, part.byteOffset, part.length);
    },
    slice(start, end) {
        return this.subarray(start, end);
    },
    fill(value, start = 0, end = this.length, encoding = undefined) {
        if (typeof value !== "string" && !(value instanceof Uint8Array)) return Uint8Array.prototype.fill.call(this, value, start, end);
        const [from, to, name] = typeof start === "string" ? [0, this.length, start] : [start, end, encoding];
        const binary = typeof value === "string" ? codec(name)[0](value) : P.binary(value);
        for (let at = from; at < to; at++) this[at] = binary === "" ? 0 : binary.charCodeAt((at - from) % binary.length);
        return this;
    },
    compare(other) {
        return Buffer.compare(this, other);
    },
    copy(target, targetStart = 0, start = 0, end = this.length) {
        const part = this.subarray(start, Math.min(end, start + target.length - targetStart));
        target.set(part, targetStart);
        return part.length;
    },
    indexOf(value, from = 0, encoding = undefined) {
        if (typeof value === "number") return Uint8Array.prototype.indexOf.call(this, value & 255, from);
        return P.binary(this).indexOf(typeof value === "string" ? codec(encoding)[0](value) : P.binary(value), from);
    },
    includes(value, from, encoding) {
        return this.indexOf(value, from, encoding) >= 0;
    },
    toJSON: undefined,
};
delete more.toJSON;
for (const name of Object.keys(more)) defineProperty(Buffer.prototype, name, { value: more[name], writable: true, configurable: true });
defineProperty(Buffer, Symbol.species, { value: Buffer });

const statics = {
    allocUnsafe: (size) => Buffer.alloc(size),
    isBuffer: (value) => value instanceof Buffer,
    isEncoding: (name) => typeof name === "string" && known(name) !== undefined,
    byteLength: (value, encoding) => (typeof value === "string" ? codec(encoding)[0](value).length : value.byteLength),
    compare(one, other) {
        const [first, second] = [P.binary(one), P.binary(other)];
        return first === second ? 0 : first < second ? -1 : 1;
    },
};
for (const name of Object.keys(statics)) defineProperty(Buffer, name, { value: statics[name], writable: true, configurable: true });

function counted(size) {
    if (typeof size !== "number" || !(size >= 0)) {
        throw failure(TypeError, "ERR_INVALID_ARG_TYPE", 'The "size" argument must be of type number.');
    }
    return Math.trunc(size);
}

// -- numbers ----------------------------------------------------------------------------------------------------------------

const outOfRange = (name, value) =>
    failure(RangeError, "ERR_OUT_OF_RANGE", `The value of "${name}" ${String(value)} is out of range.`);

function placed(buffer, offset, size) {
    if (typeof offset !== "number") throw failure(TypeError, "ERR_INVALID_ARG_TYPE", 'The "offset" argument must be of type number.');
    if (!(offset >= 0 && offset + size <= buffer.length)) throw outOfRange("offset", offset);
    return Math.trunc(offset);
}

const view = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.length);

function whole(value, low, high) {
    const type = typeof low === "bigint" ? "bigint" : "number";
    if (typeof value !== type) {
        throw failure(TypeError, "ERR_INVALID_ARG_TYPE", `The "value" argument must be of type ${type === "bigint" ? "BigInt" : type}.`);
    }
    if (value < low || value > high) throw outOfRange("value", value);
    return value;
}

// name, bytes, DataView's name, bounds
const NUMBERS = [
    ["BigInt64", 8, "BigInt64", -(2n ** 63n), 2n ** 63n - 1n], ["BigUInt64", 8, "BigUint64", 0n, 2n ** 64n - 1n],
    ["Double", 8, "Float64"], ["Float", 4, "Float32"], ["Int8", 1, "Int8", -128, 127], ["Int16", 2, "Int16", -32768, 32767],
    ["Int32", 4, "Int32", -2147483648, 2147483647], ["UInt8", 1, "Uint8", 0, 255], ["UInt16", 2, "Uint16", 0, 65535],
    ["UInt32", 4, "Uint32", 0, 4294967295],
];

const method = (name, fn) => {
    for (const each of name.includes("UInt") ? [name, name.replace("UInt", "Uint")] : [name]) {
        defineProperty(Buffer.prototype, each, { value: fn, writable: true, configurable: true });
    }
};

for (const [name, size, kind, low, high] of NUMBERS) {
    for (const order of size === 1 ? [""] : ["BE", "LE"]) {
        const little = order === "LE";
        method(`read${name}${order}`, function (offset = 0) {
            return view(this)[`get${kind}`](placed(this, offset, size), little);
        });
        method(`write${name}${order}`, function (value, offset = 0) {
            const number = low === undefined ? Number(value) : whole(value, low, high);
            view(this)[`set${kind}`](placed(this, offset, size), number, little);
            return offset + size;
        });
    }
}

function width(size) {
    if (size === undefined) throw failure(TypeError, "ERR_INVALID_ARG_TYPE", 'The "byteLength" argument is required.');
    if (typeof size !== "number") throw failure(TypeError, "ERR_INVALID_ARG_TYPE", 'The "byteLength" argument must be of type number.');
    if (!(size >= 1 && size <= 6)) throw outOfRange("byteLength", size);
    return Math.trunc(size);
}

for (const [name, signed] of [["Int", true], ["UInt", false]]) {
    for (const order of ["BE", "LE"]) {
        method(`read${name}${order}`, function (offset, size) {
            const count = width(size);
            const start = placed(this, offset, count);
            let out = 0;
            for (let at = 0; at < count; at++) out = out * 256 + this[start + (order === "BE" ? at : count - 1 - at)];
            return signed && out >= 2 ** (8 * count - 1) ? out - 2 ** (8 * count) : out;
        });
        method(`write${name}${order}`, function (value, offset, size) {
            const count = width(size);
            const start = placed(this, offset, count);
            const bound = 2 ** (8 * count - (signed ? 1 : 0));
            let left = Math.trunc(whole(value, signed ? -bound : 0, bound - 1));
            if (left < 0) left += 2 ** (8 * count);
            for (let at = 0; at < count; at++) {
                this[start + (order === "BE" ? count - 1 - at : at)] = left % 256;
                left = Math.floor(left / 256);
            }
            return start + count;
        });
    }
}

// It may be called without `new`, as long ago.
const callable = {
    Buffer: function (...given) {
        return new.target !== undefined && typeof given[0] === "number" ? new Buffer(...given) : Buffer.from(...given);
    },
}.Buffer;
defineProperty(callable, "length", { value: 0 });
for (const name of Reflect.ownKeys(Buffer)) {
    if (!["length", "name", "prototype"].includes(name)) defineProperty(callable, name, Object.getOwnPropertyDescriptor(Buffer, name));
}
callable.prototype = Buffer.prototype;
Object.setPrototypeOf(callable, Uint8Array);
defineProperty(Buffer.prototype, "constructor", { value: Buffer, writable: true, configurable: true });
defineProperty(G, "Buffer", { value: callable, writable: true, configurable: true });
