// `$security`: hashes, random texts, JSON web tokens and AES, all of them the host's.

const RANDOM_CHARS_MAX = 1 << 20;

const text = P.goText;

// What Go makes of a number where it wants an int.
const int = (value) => {
    const number = Math.trunc(Number(value));
    return Number.isFinite(number) ? number : 0;
};

function length(value) {
    const chars = int(value);
    if (chars < 0 || chars > RANDOM_CHARS_MAX) throw new RangeError("Invalid array or string length");
    return chars;
}

// The parts that some of Go's errors have.
function explained(error) {
    const message = String(error.message);
    const regexp = /^error parsing regexp: (.*): `([^]*)`$/.exec(message);
    if (regexp !== null) return P.goErrorOf(message, { code: regexp[1], expr: regexp[2] });
    const number = /^(?:crypto\/aes: invalid key size|illegal base64 data at input byte) (\d+)$/.exec(message);
    return number === null ? error : P.goError(message, Number(number[1]));
}

function host(...args) {
    try {
        return P.host(...args);
    } catch (error) {
        throw explained(error);
    }
}

const hashing = (op) => (value) => P.host("hash", op, text(value));
const signing = (op) => (value, secret) => P.host("hmac", op, text(value), text(secret));

// Claims as Go writes them: sorted by name, and `exp` is there.
function claims(payload, seconds) {
    let given = payload;
    if (payload === undefined || payload === null) given = {};
    else if (typeof payload !== "object") {
        throw new TypeError(`could not convert function call parameter 0: could not convert ${String(payload)} to jwt.MapClaims`);
    }
    const spelled = P.marshal({ exp: Math.floor(Date.now() / 1000) + seconds, ...given });
    return spelled.replace(/[<>&\u2028\u2029]/g, (each) => ESCAPES[each]);
}

const ESCAPES = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029" };

function random(size) {
    return P.host("random", length(size), null);
}

function randomOf(size, alphabet) {
    const binary = P.utf8(text(alphabet));
    if (binary === "" && length(size) > 0) throw P.goError("the alphabet of a random string is empty");
    return P.fromUtf8(P.host("random", length(size), binary));
}

G.$security = {
    md5: hashing("md5"),
    sha256: hashing("sha256"),
    sha512: hashing("sha512"),
    hs256: signing("sha256"),
    hs512: signing("sha512"),
    equal: (one, other) => P.host("equal", text(one), text(other)),
    randomString: random,
    randomStringByRegex: (pattern) => host("random_by_regex", text(pattern)),
    randomStringWithAlphabet: randomOf,
    pseudorandomString: random,
    pseudorandomStringWithAlphabet: randomOf,
    parseUnverifiedJWT: (token) => P.host("jwt_claims", text(token)),
    parseJWT: (token, key) => P.host("jwt_verify", text(token), text(key)),
    createJWT: (payload, key, seconds) => P.host("jwt_sign", claims(payload, int(seconds)), text(key)),
    encrypt: (data, key) => host("encrypt", P.binary(data, 0), text(key)),
    decrypt: (cipher, key) => P.fromUtf8(host("decrypt", text(cipher), text(key))),
};
