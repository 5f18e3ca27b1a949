// The functions that every template knows, and what counts as true.
//
//   P.templateFunctions     {FUNCTIONS: name → [least arguments, most, function], truth(value), fail(message), Failure, isInteger,
//                         applied(function, args, numbers): a call, with those of its arguments that are constants}

const { isArray } = Array;
const { keys, hasOwn } = Object;

class Failure extends Error {}

const fail = (message) => { throw new Failure(message); };
const isFunction = (v) => typeof v === "function";
const isInteger = (v) => typeof v === "number" && Number.isSafeInteger(v);

// The numbers of the call under way that stand in the template itself: Go's are ints, a script's are int64s.
let constants = [];
const typeOf = (v) => (isInteger(v) && constants.includes(v) ? "int" : P.goType(v));

function applied(fn, args, numbers) {
    const outer = constants;
    constants = numbers;
    try {
        return fn(...args);
    } finally {
        constants = outer;
    }
}

const truth = (v) => {
    if (v === null || v === undefined) return false;
    if (typeof v === "object") {
        if (v instanceof P.SafeHTML) return v.html !== "";
        if (isArray(v)) return v.length > 0;
        return P.isGo(v) || P.isRecord(v) || keys(v).length > 0;
    }
    return Boolean(v);
};

const textOf = (v) => (v instanceof P.SafeHTML ? v.html : v);
const kindOf = (v) => {
    const value = textOf(v);
    if (value === null || value === undefined) return "nil";
    if (typeof value === "number") return isInteger(value) ? "int" : "float";
    return { string: "string", boolean: "bool" }[typeof value] ?? "other";
};

function same(a, b) {
    const [one, two] = [kindOf(a), kindOf(b)];
    if (one === "other" && (isArray(a) || !P.isGo(a))) fail(`non-comparable type ${P.goFormat("%s", [a])}: ${typeOf(a)}`);
    if (one === "nil" || two === "nil") return one === two;
    if (one !== two) fail(`incompatible types for comparison: ${typeOf(a)} and ${typeOf(b)}`);
    return textOf(a) === textOf(b);
}

function before(a, b) {
    const [one, two] = [kindOf(a), kindOf(b)];
    if (one !== two) fail(`incompatible types for comparison: ${typeOf(a)} and ${typeOf(b)}`);
    if (!["int", "float", "string"].includes(one)) fail("invalid type for comparison");
    return textOf(a) < textOf(b);
}

function indexed(item, ...path) {
    let at = item;
    if (at === null || at === undefined) fail("index of untyped nil");
    for (const index of path) {
        if (at === null || at === undefined) fail("index of nil pointer");
        if (isArray(at) || typeof at === "string") {
            const list = typeof at === "string" ? Array.from(P.utf8(at), (c) => c.charCodeAt(0)) : at;
            if (!isInteger(index)) fail(index === null ? "cannot index slice/array with nil" : `cannot index slice/array with type ${typeOf(index)}`);
            if (index < 0 || index >= list.length) fail(`index out of range: ${index}`);
            at = list[index];
        } else if (typeof at === "object" && !P.isGo(at) && !P.isRecord(at)) {
            if (typeof index !== "string") fail(`value has type ${typeOf(index)}; should be string`);
            at = hasOwn(at, index) ? at[index] : null;
        } else {
            fail(`can't index item of type ${typeOf(at)}`);
        }
    }
    return at;
}

function sliced(item, ...bounds) {
    if (item === null || item === undefined) fail("slice of untyped nil");
    if (bounds.length > 3) fail(`too many slice indexes: ${bounds.length}`);
    if (typeof item === "string" && bounds.length === 3) fail("cannot 3-index slice a string");
    if (typeof item !== "string" && !isArray(item)) fail(`can't slice item of type ${typeOf(item)}`);
    const whole = typeof item === "string" ? P.utf8(item) : item;
    for (const bound of bounds) {
        if (!isInteger(bound)) fail(`cannot index slice/array with type ${typeOf(bound)}`);
        if (bound < 0 || bound > whole.length) fail(`index out of range: ${bound}`);
    }
    const [from = 0, to = whole.length] = bounds;
    if (from > to) fail(`invalid slice index: ${from} > ${to}`);
    return typeof item === "string" ? P.fromUtf8(whole.slice(from, to)) : whole.slice(from, to);
}

function lengthOf(item) {
    if (item === null || item === undefined) fail("reflect: call of reflect.Value.Type on zero Value");
    if (typeof item === "string") return P.utf8(item).length;
    if (isArray(item)) return item.length;
    if (typeof item === "object" && !P.isGo(item) && !P.isRecord(item)) return keys(item).length;
    return fail(`len of type ${typeOf(item)}`);
}

const JS_ESCAPES = { "\\": "\\\\", "'": "\\'", "\"": "\\\"", "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D" };
const jsEscaped = (text) => text.replace(/[\\'"<>&=\x00-\x1f\x7f]/g, (c) =>
    JS_ESCAPES[c] ?? "\\u" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0"));
const queryEscaped = (text) => P.utf8(text).replace(/[^A-Za-z0-9\-._~]/g, (c) =>
    (c === " " ? "+" : "%" + c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")));

// [least arguments, most, what it does]
const FUNCTIONS = {
    call: [1, Infinity, (fn, ...args) => (isFunction(fn) ? P.exported(fn(...args)) : fail(`non-function ${P.goPrint([fn])} of type ${typeOf(fn)}`))],
    html: [0, Infinity, (...args) => P.htmlEscaped(P.goPrint(args))],
    index: [1, Infinity, indexed],
    slice: [1, Infinity, sliced],
    js: [0, Infinity, (...args) => jsEscaped(P.goPrint(args))],
    len: [1, 1, lengthOf],
    not: [1, 1, (v) => !truth(v)],
    print: [0, Infinity, (...args) => P.goPrint(args)],
    println: [0, Infinity, (...args) => P.goPrintLine(args)],
    urlquery: [0, Infinity, (...args) => queryEscaped(P.goPrint(args))],
    eq: [1, Infinity, (a, ...others) => (others.length === 0 ? fail("missing argument for comparison") : others.some((b) => same(a, b)))],
    ne: [2, 2, (a, b) => !same(a, b)],
    lt: [2, 2, before],
    le: [2, 2, (a, b) => before(a, b) || same(a, b)],
    gt: [2, 2, (a, b) => !(before(a, b) || same(a, b))],
    ge: [2, 2, (a, b) => !before(a, b)],
    raw: [1, 1, (text) => (typeof text === "string" ? new P.SafeHTML(text) : fail(`wrong type for value; expected string; got ${typeOf(text)}`))],
};

P.templateFunctions = { FUNCTIONS, Failure, applied, fail, isInteger, truth };
