// Objects that look to scripts as the real one's structs do: a fixed set of typed members, in their order, enumerable.
// What is assigned is cast to a member's type; what is no member is ignored, or throws where the script is strict.
//
//   P.struct({name: kind, …}, methods)   a class of such objects; `new Kind(object)` takes what fits of the object
//   P.kinds                              string bool int float date any, optString optBool optFloat, strings jsonStrings,
//                                        map, struct(Class), list(Class)
//   P.adopt(x, json)                     x with the members of a JSON object of the host's, which is never changed
//   P.refresh(x, json)                   as `adopt`; objects that scripts have got of x before stay its own
//   P.misfitOf(x, plain)                 as an unmarshaller: members in the order of their names, up to the first misfit,
//                                        of which it tells; null where everything fits
//   P.wire(x)                            its plain JSON value, everything in it
//   P.plain(value)                       any value of a script's as plain JSON

const { keys, defineProperties, defineProperty, preventExtensions, create } = Object;
const DEPTH_MAX = 64;
const INT_MAX = 9223372036854775807;

// What is thrown by a value that does not fit, with the path to it and the words of the real one.
class Misfit extends Error {
    path = "";
}

class Struct {
    // members that were read or set, and the host's JSON of those that were not
    #values = create(null);
    #raw;

    static inside(x) {
        return #values in x ? x.#values : undefined;
    }

    static raw(x) {
        return x.#raw;
    }

    static adopt(x, raw) {
        x.#values = create(null);
        x.#raw = raw;
        return x;
    }
}
const { inside, raw: rawOf, adopt } = Struct;
P.adopt = adopt;
P.isStruct = (x) => x !== null && typeof x === "object" && inside(x) !== undefined;

// A member's value as it is kept.
function kept(x, name) {
    const values = inside(x);
    let value = values[name];
    if (value === undefined) {
        const kind = x.constructor.members[name];
        const json = rawOf(x)?.[name];
        value = values[name] = json === undefined ? kind.zero() : (kind.adopt ?? kind.decode)(json, kind.zero());
    }
    return value;
}

const jsonKind = (json) => (json === null ? "null" : Array.isArray(json) ? "array" : typeof json);
P.jsonKind = jsonKind;
const misfit = (json, type, left) => {
    throw Object.assign(new Misfit(`cannot unmarshal JSON ${jsonKind(json)} into Go ${type}`), { left });
};
P.misfit = (words) => { throw new Misfit(words); };

function toInt(value) {
    const number = Math.trunc(Number(value));
    if (Number.isNaN(number)) return 0;
    if (number >= INT_MAX || number < -INT_MAX) return -INT_MAX;
    return number === 0 ? 0 : number;
}
const toText = (value) => P.goText(value);
const toFloat = (value) => Number(value);
const same = (value) => value;
P.toInt = toInt;
P.toText = toText;

// zero(): of a new one; assign(value, current): what a script sets; decode(json, current): what JSON has, or Misfit with
// `left` to stay; shown(kept): what is read, kept from then on; wire(kept): JSON.
function scalar(zero, assign, fits, type) {
    return { zero: () => zero, assign, decode: (json) => (json === null ? zero : fits(json) ? json : misfit(json, type)), wire: same };
}

const isText = (json) => typeof json === "string";
const isFlag = (json) => typeof json === "boolean";
const isNumber = (json) => typeof json === "number";

// Go's pointers: null, or a value; one of the wrong type leaves an empty one.
function optional(kind, empty) {
    return {
        zero: () => null,
        assign: (value) => (value === undefined || value === null ? null : kind.assign(value)),
        decode: (json) => (json === null ? null : kind.decode(json)),
        left: empty,
        wire: (kept) => (typeof kept === "number" && !Number.isFinite(kept) ? null : kept),
    };
}

class Texts extends Array {
    static get [Symbol.species]() { return Array; }
}
class JSONTexts extends Texts {
    toString() { return JSON.stringify(this); }
}

function texts(Kind) {
    const made = (values) => {
        const list = new Kind();
        for (let at = 0; at < values.length; at++) list[at] = toText(values[at]);
        return list;
    };
    return {
        zero: () => new Kind(),
        assign: (value, current) => (value === undefined || value === null ? new Kind() : Array.isArray(value) ? made(value) : current),
        decode(json) {
            if (json === null) return new Kind();
            if (!Array.isArray(json)) misfit(json, "[]string");
            const wrong = json.findIndex((each) => each !== null && !isText(each));
            if (wrong >= 0) misfit(json[wrong], "string", made([...json.slice(0, wrong), ""]));
            return made(json);
        },
        shown(kept) {
            for (let at = 0; at < kept.length; at++) if (typeof kept[at] !== "string") kept[at] = toText(kept[at]);
            return kept;
        },
        refresh: (value, json) => (value.splice(0, value.length, ...json), value),
        wire: (kept) => Array.from(kept, toText),
    };
}

const wrong = (value, type) => new TypeError(`Go struct conversion error: could not convert ${String(value)} to ${type}`);

const string = scalar("", toText, isText, "string");
const bool = scalar(false, Boolean, isFlag, "bool");
const int = scalar(0, toInt, Number.isInteger, "int");
const float = scalar(0, toFloat, isNumber, "float64");

P.kinds = {
    string, bool, int, float,
    optString: optional(string, ""),
    optBool: optional(bool, false),
    optFloat: optional(float, 0),
    strings: texts(Texts),
    jsonStrings: texts(JSONTexts),

    // What JSON can hold, as it is.
    any: { zero: () => null, assign: (value) => value ?? null, decode: (json) => P.plain(json), wire: (kept) => P.plain(kept) },

    map: {
        zero: () => null,
        assign: (value, current) => (value === null || value === undefined ? null : typeof value === "object" ? value : current),
        decode: (json) => (json === null || (typeof json === "object" && !Array.isArray(json)) ? P.plain(json) : misfit(json, "map")),
        wire: (kept) => P.plain(kept),
    },

    date: {
        zero: () => "",
        assign(value, current) {
            if (value instanceof P.DateTime) return value;
            if (value === null || value === undefined) return "";
            throw wrong(value, "types.DateTime");
        },
        lenient: true,
        decode: (json) => (json === null ? "" : isText(json) ? P.dateTime(json) : misfit(json, "string")),
        shown: (kept) => (typeof kept === "string" ? P.dateTime(kept) : kept),
        wire: (kept) => (typeof kept === "string" ? kept : String(kept)),
    },

    struct: (Kind) => ({
        zero: () => new Kind(),
        assign(value, current) {
            if (value === null || value === undefined) return new Kind();
            if (typeof value !== "object") return current;
            for (const key of keys(Kind.members)) if (key in value) current[key] = value[key];
            return current;
        },
        adopt: (json) => P.adopt(new Kind(), json),
        refresh: (value, json) => (P.refresh(value, json), value),
        decode(json, current) {
            if (json === null) return new Kind();
            if (typeof json !== "object" || Array.isArray(json)) misfit(json, "struct");
            P.fill(current, json);
            return current;
        },
        shown: (kept) => kept,
        wire: (kept) => P.wire(kept),
    }),

    list(Kind) {
        const one = (value) => {
            if (value instanceof Kind) return value;
            const made = new Kind();
            if (value !== null && typeof value === "object") {
                for (const key of keys(Kind.members)) if (key in value) made[key] = value[key];
            }
            return made;
        };
        const settled = (kept) => {
            for (let at = 0; at < kept.length; at++) if (!(kept[at] instanceof Kind)) kept[at] = one(kept[at]);
            return kept;
        };
        return {
            zero: () => [],
            assign: (value, current) => (value === null || value === undefined ? [] : Array.isArray(value) ? Array.from(value, one) : current),
            decode(json) {
                if (json === null) return [];
                if (!Array.isArray(json)) misfit(json, "slice");
                return json.map((each) => {
                    const made = new Kind();
                    if (each !== null && (typeof each !== "object" || Array.isArray(each))) misfit(each, "struct");
                    if (each !== null) P.fill(made, each);
                    return made;
                });
            },
            adopt: (json) => json.map((each) => P.adopt(new Kind(), each)),
            shown: settled,
            wire: (kept) => settled(kept).map(P.wire),
        };
    },
};

function accessor(name, kind) {
    const { assign, shown, lenient } = kind;
    return {
        enumerable: true,
        configurable: false,
        get() {
            const value = kept(this, name);
            return shown === undefined ? value : (inside(this)[name] = shown(value));
        },
        set(value) {
            const current = kept(this, name);
            try {
                inside(this)[name] = assign(value, current);
            } catch (error) {
                if (!lenient) throw error;
            }
        },
    };
}

// What stands in `methods` is on the prototype, and not enumerable.
P.methods = (prototype, methods) => {
    const descriptors = Object.getOwnPropertyDescriptors(methods);
    for (const name of keys(descriptors)) descriptors[name].enumerable = false;
    defineProperties(prototype, descriptors);
};

P.struct = (members, methods = {}) => {
    const descriptors = {};
    for (const name of keys(members)) descriptors[name] = accessor(name, members[name]);

    class Kind extends Struct {
        static members = members;

        static load(x, plain) {
            P.misfitOf(x, plain);
        }

        constructor(data) {
            super();
            defineProperties(this, descriptors);
            preventExtensions(this);
            if (data !== undefined && data !== null && typeof data === "object") Kind.load(this, P.plain(data));
        }
    }
    P.methods(Kind.prototype, methods);
    return Kind;
};

// The class as a global of scripts, which may be called without `new`.
P.global = (name, Kind) => {
    const callable = { [name]: function (data) { return new Kind(data); } }[name];
    callable.prototype = Kind.prototype;
    defineProperty(Kind.prototype, "constructor", { value: Kind, writable: true, configurable: true, enumerable: false });
    defineProperty(G, name, { value: callable, writable: true, configurable: true, enumerable: false });
    return callable;
};

const byName = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

P.fill = (x, plain) => {
    const { members } = x.constructor;
    const values = inside(x);
    for (const key of keys(plain).sort(byName)) {
        const kind = members[key];
        if (kind === undefined) continue;
        try {
            values[key] = kind.decode(plain[key], kept(x, key));
        } catch (error) {
            if (!(error instanceof Misfit)) throw error;
            const left = error.left ?? kind.left;
            if (left !== undefined) values[key] = left;
            error.left = undefined;
            error.path = `/${key}${error.path}`;
            throw error;
        }
    }
};

P.refresh = (x, json) => {
    const { members } = x.constructor;
    const before = inside(x);
    adopt(x, json);
    const values = inside(x);
    for (const name in before) {
        if (members[name].refresh !== undefined && json[name] !== undefined) values[name] = members[name].refresh(before[name], json[name]);
    }
};

P.misfitOf = (x, plain) => {
    try {
        P.fill(x, plain);
    } catch (error) {
        if (error instanceof Misfit) return `json: ${error.message} within "${error.path}"`;
        throw error;
    }
    return null;
};

P.wire = (x) => {
    const { members } = x.constructor;
    const values = inside(x);
    const raw = rawOf(x);
    const out = {};
    for (const name in members) {
        const untouched = values[name] === undefined ? raw?.[name] : undefined;
        out[name] = untouched === undefined ? members[name].wire(kept(x, name)) : untouched;
    }
    return out;
};

P.plain = (value, depth = 0) => {
    if (value === undefined || value === null) return null;
    if (typeof value === "function" || typeof value === "symbol") return null;
    if (typeof value === "bigint") return Number(value);
    if (typeof value === "string") return P.goText(value);
    if (typeof value !== "object") return typeof value === "number" && !Number.isFinite(value) ? null : value;
    if (depth > DEPTH_MAX) throw P.goError("the value is nested too deep");
    if (value instanceof P.FieldsList) return P.fieldsWire(value);
    if (Array.isArray(value) || value instanceof Map || value instanceof Set) return Array.from(value, (each) => P.plain(each, depth + 1));
    if (P.isStruct(value) && typeof value.toJSON !== "function") return P.wire(value);
    if (typeof value.toJSON === "function") return P.plain(value.toJSON(), depth + 1);
    if (value instanceof Error) return {};
    const out = {};
    for (const key of keys(value)) {
        defineProperty(out, key, { value: P.plain(value[key], depth + 1), writable: true, enumerable: true, configurable: true });
    }
    return out;
};
