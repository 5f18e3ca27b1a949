// The values of a record's fields: as a row has them, as a script sees them, and what `set` makes of a script's value.
//
// A record keeps its values in the order of its collection's fields, each as it came: as SQLite has it (lists and points
// are JSON text, JSON fields are their text), or as `set` has cast it. Most values of most records are never looked at,
// so nothing is decoded before somebody asks. Forms:
//
//   text email url editor select relation file    a text; with several values an array, or its JSON text
//   number bool            a number; true, false, 1 or 0
//   date autodate          the stored layout, or ""
//   json                   JSON text; null for none
//   geoPoint               {lon, lat}, or its JSON text
//   password               the hash as text; a Plain while it has a password that is not stored yet
//   Raw                    what `setRaw` was given, whatever the type
//
//   P.schemaOf(id)         {id, name, type, isAuth, fields: [{name, type, hidden, multiple, pattern}], at: Map}
//   P.values.shown(field, value)   what `get` gives;  bare(…): without objects where a text will do, for casts
//   P.values.kept(field, raw)      what `set` keeps;  applied(…): … by a key with a modifier, which keyOf(…) knows
//   P.values.out(field, value)     … over the line, to the host
//   P.prepared(field, raw) what a script sees of a value of the host's, for a field object

const { isArray } = Array;
const { parse, stringify } = JSON;
const { cast } = P;
P.values = {};

class Plain {
    constructor(plain) { this.plain = plain; }
}
class Raw {
    constructor(value) { this.value = value; }
}
// A password's hash with the plain text that it was made of.
class Hashed {
    constructor(hash, plain) {
        this.hash = hash;
        this.plain = plain;
    }
}
Object.assign(P, { PlainPassword: Plain, RawValue: Raw, HashedPassword: Hashed });

const LISTS = new Set(["select", "relation", "file"]);
// Types whose values are texts, if there is but one.
const TEXTS = new Set(["text", "email", "url", "editor", ...LISTS]);
// … and those whose texts are never anything else.
const AS_THEY_ARE = new Set(["text", "date", "autodate"]);
const BRACKET = 0x5b;

// -- schemas --------------------------------------------------------------------------------------------------------------

let schemas = new Map();
let version = 0;
const { catalogChanged } = P;

P.catalogChanged = () => {
    catalogChanged();
    version++;
    schemas = new Map();
};
P.catalogVersion = () => version;

function compiled([id, name, type, fields]) {
    const schema = { id, name, type, isAuth: type === "auth", fields: [], at: new Map(), keyAt: undefined };
    for (let position = 0; position < fields.length; position++) {
        const [field, kind, hidden, multiple, pattern] = fields[position];
        const plain = TEXTS.has(kind) && !multiple;
        const texts = AS_THEY_ARE.has(kind);
        schema.fields.push({ name: field, type: kind, hidden, multiple, pattern, position, plain, texts, label: stringify(field) + ":" });
        schema.at.set(field, position);
    }
    schema.keyAt = schema.at.get("id");
    return schema;
}

P.schemaOf = (id) => {
    let schema = schemas.get(id);
    if (schema === undefined) {
        const told = P.host("records.schema", P.appNumber(), id);
        schema = compiled(told);
        schemas.set(id, schema);
    }
    return schema;
};

// Of a collection that need not be stored.
P.values.schema = (plain) => compiled([
    plain.id ?? "", plain.name ?? "", plain.type ?? "base",
    (plain.fields ?? []).map((field) => [
        field.name, field.type, field.hidden === true, LISTS.has(field.type) && field.maxSelect > 1, Boolean(field.autogeneratePattern),
    ]),
]);

P.values.zero = (field) => {
    switch (field.type) {
        case "number": return 0;
        case "bool": return false;
        case "json": return null;
        case "geoPoint": return { lon: 0, lat: 0 };
        default: return field.multiple ? [] : "";
    }
};

// -- lists ----------------------------------------------------------------------------------------------------------------

// Files that are not stored yet are objects; everything else is a text.
const isFile = (item) => P.isFile !== undefined && P.isFile(item);

function textsOf(value) {
    if (value instanceof Raw) return cast.texts(value.value);
    if (isArray(value)) return value;
    if (typeof value !== "string") return isFile(value) ? [value] : [];
    if (value === "" || value === "[]") return [];
    return value[0] === "[" ? cast.texts(value) : [value];
}

function filesOf(raw) {
    if (isFile(raw)) return [raw];
    if (!isArray(raw) || raw instanceof P.JSONRaw) return cast.texts(raw);
    const found = [];
    for (const item of raw) {
        if (isFile(item)) found.push(item);
        else if (!found.includes(item)) found.push(...cast.texts(item).filter((text) => !found.includes(text)));
    }
    return found;
}

const listed = (field, raw) => (field.type === "file" ? filesOf(raw) : cast.texts(raw));
const one = (texts) => (texts.length === 0 ? "" : texts[texts.length - 1]);

function modified(field, modifier, current, raw) {
    const values = textsOf(current), given = listed(field, raw);
    let result;
    if (modifier === "+") result = [...values, ...given];
    else if (modifier === "prepend+") result = [...given, ...values];
    else {
        const gone = new Set(given.map((item) => (isFile(item) ? item.name : item)));
        result = values.filter((item) => !gone.has(isFile(item) ? item.name : item));
    }
    result = [...new Set(result)];
    return field.multiple ? result : one(result);
}

P.values.list = textsOf;

// -- JSON -----------------------------------------------------------------------------------------------------------------

const JSON_START = /^[-[{"0-9]/;

function jsonText(raw) {
    if (raw === null || raw === undefined) return null;
    if (typeof raw === "string") {
        if ((JSON_START.test(raw) || raw === "null" || raw === "true" || raw === "false") && P.isJSON(raw)) return raw;
        return stringify(raw).replace(/[\u2028\u2029]/g, (each) => (each === "\u2028" ? "\\u2028" : "\\u2029"));
    }
    if (raw instanceof P.JSONRaw || raw instanceof Uint8Array) return cast.text(raw) || null;
    if (isArray(raw) && P.isMarked(raw)) return cast.text(raw) || null;
    try { return P.marshal(raw); } catch { return null; }
}

// The text of a JSON column, whose affinity makes numbers of numbers.
const storedText = (value) => (value === null || typeof value === "string" ? value : stringify(value));

// -- a script's view --------------------------------------------------------------------------------------------------------

P.values.shown = (field, value) => {
    if (field.plain && typeof value === "string" && value.charCodeAt(0) !== BRACKET) return value;
    if (value instanceof Raw) return value.value;
    switch (field.type) {
        case "number": return typeof value === "number" ? value : value === null ? NaN : cast.float(value);
        case "bool": return value === true || value === 1;
        case "date": case "autodate": return P.dateTime(value);
        case "json": return P.rawOf(storedText(value));
        case "geoPoint": {
            const { lon, lat } = P.pointOf(value);
            return new P.GeoPoint(lon, lat);
        }
        case "password": return typeof value === "object" && value !== null ? value.plain : "";
    }
    if (field.multiple) return textsOf(value).slice();
    return isFile(value) || typeof value === "string" && value[0] !== "[" ? value : field.type === "text" || !LISTS.has(field.type) ? cast.text(value) : one(textsOf(value));
};

// As `get`, for casts: without objects where a text will do.
P.values.bare = (field, value) => {
    if (value instanceof Raw) return value.value;
    switch (field.type) {
        case "date": case "autodate": return value;
        case "json": return storedText(value) ?? "null";
        default: return P.values.shown(field, value);
    }
};

P.values.kept = (field, raw) => {
    switch (field.type) {
        case "number": return cast.float(raw);
        case "bool": return cast.bool(raw);
        case "date": case "autodate": return P.dateText(raw);
        case "json": return jsonText(raw);
        case "geoPoint": return P.pointOf(raw);
        case "password": { const plain = cast.text(raw); return plain === "" ? "" : new Plain(plain); }
    }
    if (LISTS.has(field.type)) {
        const texts = listed(field, raw);
        if (field.multiple) return texts;
        const text = one(texts);
        // what is stored may be a list from when the field took several; this is none
        return typeof text === "string" && text[0] === "[" ? new Raw(text) : text;
    }
    return cast.text(raw);
};

P.prepared = (field, raw) => {
    const type = field.type();
    return P.values.shown({ type, multiple: LISTS.has(type) && field.maxSelect > 1 }, raw);
};

// -- keys with modifiers ----------------------------------------------------------------------------------------------------

const AUTOGENERATE = ":autogenerate";

// [position, modifier] of a key: a field's name, or one with a modifier that the field knows; undefined for others.
P.values.keyOf = (schema, key) => {
    const plain = schema.at.get(key);
    if (plain !== undefined) return [plain, ""];
    let name, modifier;
    if (key.endsWith(AUTOGENERATE)) [name, modifier] = [key.slice(0, -AUTOGENERATE.length), AUTOGENERATE];
    else if (key[0] === "+") [name, modifier] = [key.slice(1), "prepend+"];
    else if (key.endsWith("+") || key.endsWith("-")) [name, modifier] = [key.slice(0, -1), key[key.length - 1]];
    else return undefined;
    const position = schema.at.get(name);
    if (position === undefined) return undefined;
    const { type } = schema.fields[position];
    const knows = modifier === AUTOGENERATE ? type === "text" : LISTS.has(type) || (type === "number" && modifier !== "prepend+");
    return knows ? [position, modifier] : undefined;
};

// What a field keeps after `key` with a modifier is set.
P.values.applied = (schema, field, modifier, current, raw) => {
    if (modifier === "") return P.values.kept(field, raw);
    if (modifier === AUTOGENERATE) {
        const prefix = cast.text(raw);
        return field.pattern ? prefix + P.host("records.generate", P.appNumber(), schema.id, field.name) : prefix;
    }
    if (field.type === "number") {
        const before = P.values.shown(field, current);
        return cast.float(before) + (modifier === "+" ? 1 : -1) * cast.float(raw);
    }
    return modified(field, modifier, current, raw);
};

// -- over the line ------------------------------------------------------------------------------------------------------------

// A value for the host; it casts it again, as it trusts nothing.
P.values.out = (field, value) => {
    if (value instanceof Plain) return { p: value.plain };
    if (value instanceof Hashed) return value.hash;
    if (value instanceof Raw) {
        const kept = P.values.kept(field, value.value);
        return kept instanceof Raw ? kept.value : P.values.out(field, kept);
    }
    if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0) ? value : String(value).replace(/^0$/, "-0");
    if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
    if (isArray(value)) return value.map((item) => (isFile(item) ? fileOut(item) : P.goText(item)));
    return isFile(value) ? fileOut(value) : value;
};

function fileOut(file) {
    if (P.fileWire !== undefined) return P.fileWire(file);
    throw P.lacking("saving new files", "files");
}
