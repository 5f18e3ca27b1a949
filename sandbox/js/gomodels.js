// What scripts build to be filled by Go: DynamicModel, arrayOf, the null… placeholders, unmarshal; and the small globals
// toString, toBytes, readerToString, sleep and Context.
//
//   P.dynamic(model)           {columns: [{key, name, type, nullable}], set(key, value)} of a DynamicModel; else undefined
//   P.placeholderType(x)       the type of what a null… function has made; else undefined
//   P.arrayModel(array)        what arrayOf was given for this array; undefined for other arrays
//   P.unmarshal(text, dst)     JSON text into something that takes it
//   P.JSONMap, P.JSONArray, P.GeoPoint

const { isArray } = Array;
const { defineProperty, preventExtensions, keys, hasOwn } = Object;
const { stringify, parse } = JSON;
const { cast } = P;
const READ_BYTES_MAX = 32 << 20;
const hide = (Class, ...names) => { for (const name of names) defineProperty(Class.prototype, name, { enumerable: false }); };

// -- JSON types -----------------------------------------------------------------------------------------------------------

class JSONArray extends Array {
    static get [Symbol.species]() { return Array; }

    string() { return P.marshal(Array.from(this)); }
    toString() { return this.string(); }
    value() { return this.string(); }
    marshalJSON() { return P.bytesOf(this.string()); }

    scan(value) {
        const list = parsedAs(value, isArray, "types.JSONArray[interface {}]");
        this.length = 0;
        this.push(...list ?? []);
    }
}
defineProperty(JSONArray.prototype, "constructor", { value: Array, enumerable: false });

class JSONMap {
    #members = new Map();

    get(key) { return this.#members.get(cast.text(key)) ?? null; }
    set(key, value) { this.#members.set(cast.text(key), P.exported(value)); }
    string() { return P.marshal(this.toJSON()); }
    toString() { return this.string(); }
    value() { return this.string(); }
    marshalJSON() { return P.bytesOf(this.string()); }

    toJSON() {
        const out = {};
        for (const key of [...this.#members.keys()].sort()) {
            defineProperty(out, key, { value: this.#members.get(key), enumerable: true, writable: true, configurable: true });
        }
        return out;
    }

    scan(value) {
        const found = parsedAs(value, (v) => typeof v === "object" && v !== null && !isArray(v), "types.JSONMap[interface {}]");
        this.#members = new Map(Object.entries(found ?? {}));
    }
}
hide(JSONMap, "toJSON");

function parsedAs(value, fits, type) {
    if (value === null || value === undefined) return null;
    let found = value;
    if (typeof value === "string" || isArray(value) && (value instanceof P.JSONRaw) || value instanceof Uint8Array) {
        const text = cast.text(value);
        if (text === "") return null;
        try { found = parse(text); } catch { throw P.goError(`failed to unmarshal ${type} value: ${stringify(text)}`); }
    } else if (value instanceof JSONMap) found = value.toJSON();
    else found = P.exported(value);
    if (found !== null && !fits(found)) throw P.goError(`failed to unmarshal ${type} value`);
    return found;
}

class GeoPoint {
    #lon;
    #lat;

    constructor(lon, lat) {
        this.#lon = lon;
        this.#lat = lat;
        for (const [name, get, set] of [
            ["lon", () => this.#lon, (v) => { this.#lon = Number(v); }],
            ["lat", () => this.#lat, (v) => { this.#lat = Number(v); }],
        ]) defineProperty(this, name, { get, set, enumerable: true, configurable: false });
        preventExtensions(this);
    }

    string() { return `{"lon":${P.marshal(this.#lon)},"lat":${P.marshal(this.#lat)}}`; }
    toString() { return this.string(); }
    value() { return this.string(); }
    asMap() { return { lon: this.#lon, lat: this.#lat }; }
    toJSON() { return { lon: this.#lon, lat: this.#lat }; }

    scan(value) {
        if (value === null || value === undefined) return;
        const { lon, lat } = P.pointOf(value);
        this.#lon = lon;
        this.#lat = lat;
    }
}
hide(GeoPoint, "toJSON");

const isNumber = (v) => typeof v === "number";

// {lon, lat} of what may be a point; the zero point for everything else.
P.pointOf = (value) => {
    let found = value;
    if (typeof value === "string" || isArray(value)) {
        try { found = parse(cast.text(value)); } catch { found = null; }
    }
    if (found instanceof JSONMap) found = found.toJSON();
    if (found === null || typeof found !== "object" || isArray(found)) return { lon: 0, lat: 0 };
    const lon = found.lon ?? 0, lat = found.lat ?? 0;
    return isNumber(lon) && isNumber(lat) ? { lon, lat } : { lon: 0, lat: 0 };
};

Object.assign(P, { JSONArray, JSONMap, GeoPoint });

// -- DynamicModel -----------------------------------------------------------------------------------------------------------

const placeholders = new WeakMap();
const placeholder = (value, type) => { placeholders.set(value, type); return value; };
// The type of what nullString() and the like have made: string, int, float, bool, array, object.

P.placeholderType = (value) => (value !== null && typeof value === "object" ? placeholders.get(value) : undefined);

G.nullString = () => placeholder(new String(""), "string");
G.nullInt = () => placeholder(new Number(0), "int");
G.nullFloat = () => placeholder(new Number(0), "float");
G.nullBool = () => placeholder(new Boolean(false), "bool");
G.nullArray = () => placeholder(new JSONArray(), "array");
G.nullObject = () => placeholder(new JSONMap(), "object");

function arrayFrom(value) {
    const list = new JSONArray();
    for (const item of value) list.push(P.exported(item));
    return list;
}

function mapFrom(value) {
    const map = new JSONMap();
    for (const key of keys(value)) map.set(key, value[key]);
    return map;
}

// What a script's assignment makes of a value.
const ASSIGNED = {
    string: (v) => (v === null || v === undefined ? "" : String(v)),
    int: (v) => { const n = Math.trunc(Number(v)); return Number.isFinite(n) ? n + 0 : 0; },
    float: Number,
    bool: Boolean,
    array: (v) => (v instanceof JSONArray ? v : arrayFrom(isArray(v) ? v : [])),
    object: (v) => (v instanceof JSONMap ? v : mapFrom(v !== null && typeof v === "object" ? v : {})),
};

// What a row of a database, or JSON, makes of one.
const SCANNED = {
    string: (v) => (typeof v === "object" ? P.marshal(v) : cast.text(v)),
    int: (v) => cast.int(v),
    float: (v) => cast.float(v),
    bool: (v) => cast.bool(v),
    array: (v) => { const list = new JSONArray(); list.scan(v); return list; },
    object: (v) => { const map = new JSONMap(); map.scan(v); return map; },
};
const ZERO = { string: () => "", int: () => 0, float: () => 0, bool: () => false, array: () => new JSONArray(), object: () => new JSONMap() };

function typeOf(value) {
    switch (typeof value) {
        case "string": return "string";
        case "number": return P.isInteger(value) ? "int" : "float";
        case "boolean": return "bool";
        case "object": if (value !== null) return isArray(value) ? "array" : "object";
    }
    throw new TypeError(`unsupported dynamic model value ${String(value)}`);
}

// The name of a member: Go's, as JavaScript would have it.
function memberName(given) {
    const key = given.slice(0, 1).toUpperCase() + given.slice(1);
    if (/^[A-Z0-9]+$/.test(key)) return key.toLowerCase();
    return key.replace(/^[A-Z]+(?=[A-Z][a-z])|^[A-Z]/, (head) => head.toLowerCase());
}

const models = new WeakMap();

class DynamicModel {
    constructor(shape) {
        const columns = [];
        const values = new Map();
        models.set(this, { columns, values });
        if (shape !== null && typeof shape === "object") {
            for (const key of keys(shape).sort()) member(this, columns, values, key, shape[key]);
        }
        preventExtensions(this);
    }
}

function member(model, columns, values, key, given) {
    const kind = given !== null && typeof given === "object" ? placeholders.get(given) : undefined;
    const nullable = kind !== undefined;
    const type = kind ?? typeOf(given);
    const name = memberName(key);
    columns.push({ key, name, type, nullable });
    values.set(key, nullable ? null : ASSIGNED[type](given));
    defineProperty(model, name, {
        get: () => values.get(key),
        set: (value) => { values.set(key, nullable && (value === null || value === undefined) ? null : ASSIGNED[type](value)); },
        enumerable: true,
        configurable: false,
    });
}

P.dynamic = (model) => {
    const state = typeof model === "object" && model !== null ? models.get(model) : undefined;
    if (state === undefined) return undefined;
    const { columns, values } = state;
    return {
        columns,
        set(key, value) {
            const column = columns.find((each) => each.key === key);
            if (column === undefined) return;
            const none = value === null || value === undefined;
            values.set(key, none ? (column.nullable ? null : ZERO[column.type]()) : SCANNED[column.type](value));
        },
        own() {
            return Object.fromEntries(columns.map(({ key }) => [key, values.get(key)]));
        },
        json() {
            const members = columns.map(({ key }) => `${stringify(key)}:${P.marshal(values.get(key))}`);
            return `{${members.join(",")}}`;
        },
        fresh() {
            const made = Object.create(DynamicModel.prototype);
            const copy = { columns: [], values: new Map() };
            models.set(made, copy);
            for (const { key, type, nullable } of columns) {
                member(made, copy.columns, copy.values, key, nullable ? placeholder(new Object(ZERO[type]()), type) : type === "float" ? -0 : ZERO[type]());
                if (type === "float" && !nullable) copy.values.set(key, 0);
            }
            return preventExtensions(made);
        },
    };
};

G.DynamicModel = P.callable(DynamicModel);

const arrayModels = new WeakMap();
G.arrayOf = function arrayOf(model) {
    const list = [];
    arrayModels.set(list, model);
    return list;
};
P.arrayModel = (list) => (isArray(list) ? arrayModels.get(list) : undefined);

// -- unmarshal ----------------------------------------------------------------------------------------------------------------

P.unmarshal = (text, dst) => {
    const dynamic = P.dynamic(dst);
    if (dynamic !== undefined) {
        const found = parse(text);
        if (found === null || typeof found !== "object" || isArray(found)) return;
        for (const { key } of dynamic.columns) if (hasOwn(found, key)) dynamic.set(key, found[key]);
        return;
    }
    if (dst instanceof JSONMap || dst instanceof JSONArray) dst.scan(text);
    else if (dst !== null && typeof dst === "object" && typeof dst.unmarshalJSON === "function") dst.unmarshalJSON(text);
};

G.unmarshal = function unmarshal(data, dst) {
    P.unmarshal(P.marshal(data), dst);
};

// -- texts and bytes ------------------------------------------------------------------------------------------------------------

G.toString = function toString(val, maxBytes) {
    if (typeof val === "string") return val;
    if (val !== null && typeof val === "object") {
        const read = P.readAll(val, cast.int(maxBytes) || READ_BYTES_MAX);
        if (read !== undefined) return P.fromUtf8(read);
        const dynamic = P.dynamic(val);
        if (dynamic !== undefined) return dynamic.json();
    }
    const text = cast.text(val);
    if (text !== "" || val === null || typeof val !== "object" || val instanceof P.JSONRaw || val instanceof Uint8Array) return text;
    if (val instanceof P.DateTime) return "";
    try { return P.marshal(val); } catch { return ""; }
};

G.toBytes = function toBytes(val, maxBytes) {
    if (val === null || val === undefined) return P.asBytes([]);
    if (val instanceof P.JSONRaw) return P.bytesOf(val.string());
    if (val instanceof Uint8Array || val instanceof ArrayBuffer) return P.asBytes(P.numbers(P.binary(val)));
    if (isArray(val) && val.every(isNumber)) return P.asBytes(val.map((n) => n & 255));
    return P.bytesOf(G.toString(val, maxBytes));
};

G.readerToString = function readerToString(reader, maxBytes) {
    if (reader === null || reader === undefined) throw P.goError("runtime error: invalid memory address or nil pointer dereference");
    const read = P.readAll(reader, cast.int(maxBytes) || READ_BYTES_MAX);
    if (read === undefined) throw new TypeError(`could not convert function call parameter 0: could not convert ${String(reader)} to io.Reader`);
    return P.fromUtf8(read);
};

G.sleep = function sleep(milliseconds) {
    const ms = cast.float(milliseconds);
    if (ms > 0) P.host("sleep", ms);
};

// -- Context ------------------------------------------------------------------------------------------------------------------

class Context {
    #parent;
    #key;
    #value;

    constructor(parent, key, value) {
        this.#parent = parent instanceof Context ? parent : null;
        this.#key = key === undefined ? null : key;
        this.#value = P.exported(value);
    }

    value(key) {
        for (let at = this; at !== null; at = at.#parent) if (at.#key !== null && at.#key === key) return at.#value;
        return null;
    }

    err() { return null; }
    done() { return {}; }
    deadline() { return [new P.Time(-62135596800, 0), false]; }

    string() {
        if (this.#key === null) return this.#parent === null ? "context.Background" : this.#parent.string();
        const type = { string: "", number: P.isInteger(this.#value) ? "int64" : "float64", boolean: "bool" }[typeof this.#value];
        const value = typeof this.#value === "string" ? this.#value : type ?? "map[string]interface {}";
        return `${this.#parent === null ? "context.Background" : this.#parent.string()}.WithValue(${String(this.#key)}, ${value})`;
    }

    toString() { return this.string(); }
    toJSON() { return this.#key === null ? {} : { context: this.#parent === null ? {} : this.#parent.toJSON() }; }
}
hide(Context, "toJSON");

G.Context = P.callable(Context);
