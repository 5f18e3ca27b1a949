// The fields of a collection: a class for each type, and the list of them.
//
//   P.fieldOf(definition)      the field of a definition of the host's
//   P.fieldFrom(plain)         … of one of a script's, which is a Misfit's null where it is none
//   P.fieldWire(field)         its definition
//   P.FieldsList, P.fieldsOf(definitions), P.fieldsWire(list)

const { keys, defineProperty, entries } = Object;
const { string, bool, int, optFloat, strings, date } = P.kinds;
const LIST = "failed to unmarshal the provided JSON - expects array of objects or just single object: ";
const MULTIPLE = "JSON DEFAULT '[]' NOT NULL";
const TEXT = "TEXT DEFAULT '' NOT NULL";

const COMMON = { name: string, id: string, system: bool, hidden: bool, presentable: bool };
const OPTIONS = {
    text: { min: int, max: int, pattern: string, autogeneratePattern: string, required: bool, primaryKey: bool },
    number: { min: optFloat, max: optFloat, onlyInt: bool, required: bool },
    bool: { required: bool },
    url: { exceptDomains: strings, onlyDomains: strings, required: bool },
    email: { exceptDomains: strings, onlyDomains: strings, required: bool },
    editor: { maxSize: int, convertURLs: bool, required: bool },
    password: { pattern: string, min: int, max: int, cost: int, required: bool },
    date: { min: date, max: date, required: bool },
    autodate: { onCreate: bool, onUpdate: bool },
    json: { maxSize: int, required: bool },
    relation: { collectionId: string, cascadeDelete: bool, minSelect: int, maxSelect: int, required: bool },
    select: { values: strings, maxSelect: int, required: bool },
    file: { maxSize: int, maxSelect: int, mimeTypes: strings, thumbs: strings, protected: bool, required: bool },
    geoPoint: { required: bool },
};
const CLASSES = {
    text: "TextField", number: "NumberField", bool: "BoolField", url: "URLField", email: "EmailField",
    editor: "EditorField", password: "PasswordField", date: "DateField", autodate: "AutodateField", json: "JSONField",
    relation: "RelationField", select: "SelectField", file: "FileField", geoPoint: "GeoPointField",
};
const COLUMNS = {
    number: "NUMERIC DEFAULT 0 NOT NULL", bool: "BOOLEAN DEFAULT FALSE NOT NULL", json: "JSON DEFAULT NULL",
    geoPoint: `JSON DEFAULT '{"lon":0,"lat":0}' NOT NULL`,
};
const BODY_BYTES = { editor: 5 << 20, json: 1 << 20, file: 5 << 20 };
const KEY = "TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL";

const byName = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

const appOf = (app) => (app instanceof P.App ? app.$n : P.appNumber());

// -- fields -----------------------------------------------------------------------------------------------------------

const common = {
    getId() { return this.id; },
    setId(id) { this.id = id; },
    getName() { return this.name; },
    setName(name) { this.name = name; },
    getSystem() { return this.system; },
    setSystem(on) { this.system = on; },
    getHidden() { return this.hidden; },
    setHidden(on) { this.hidden = on; },

    prepareValue(record, raw) {
        const { maxSelect } = this;
        const field = { type: this.type(), multiple: maxSelect > 1 };
        return P.values.shown(field, P.values.kept(field, raw));
    },

    // Whether a record may have its value, and a collection such a field: the host knows.
    validateValue(context, app, record) {
        P.host("field.check", appOf(app), P.fieldWire(this), P.recordOut(record));
    },

    validateSettings(context, app, collection) {
        P.host("field.settings", appOf(app), P.fieldWire(this), P.collectionWire(collection));
    },
};

function methodsOf(type) {
    const methods = { ...common, type() { return type; } };
    methods.columnType = function () {
        if (type === "text" && this.primaryKey) return KEY;
        return this.maxSelect > 1 ? MULTIPLE : COLUMNS[type] ?? TEXT;
    };
    if ("maxSelect" in OPTIONS[type]) methods.isMultiple = function () { return this.maxSelect > 1; };
    if (type in BODY_BYTES) {
        methods.calculateMaxBodySize = function () {
            return (this.maxSize > 0 ? this.maxSize : BODY_BYTES[type]) * Math.max(1, this.maxSelect ?? 1);
        };
    }
    if (type === "text") {
        methods.validatePlainValue = function (value) {
            P.host("field.plain", P.fieldWire(this), P.goText(value));
        };
    }
    return methods;
}

const kinds = new Map();

for (const [type, name] of entries(CLASSES)) {
    const members = { ...COMMON, ...(type === "autodate" ? {} : { help: string }), ...OPTIONS[type] };
    const Kind = P.struct(members, methodsOf(type));
    kinds.set(type, Kind);
    P.global(name, Kind);
}

P.isField = (x) => P.isStruct(x) && kinds.get(x.type?.()) === x.constructor;

P.fieldOf = (definition) => P.adopt(new (kinds.get(definition.type))(), definition);

P.fieldWire = (field) => {
    const wire = { ...P.wire(field), type: field.type() };
    const out = {};
    for (const key of keys(wire).sort(byName)) out[key] = wire[key];
    return out;
};

// A field of a script's own definition; {error} in the words of the real one where it is none.
P.fieldFrom = (plain) => {
    const given = P.jsonKind(plain);
    const into = `json: cannot unmarshal JSON ${given} into Go core.fieldWithType within "/0": `;
    if (given !== "object") return { error: `${into}failed to unmarshal field type: json: cannot unmarshal JSON ${given} into Go core.onlyFieldType` };
    const Kind = typeof plain.type === "string" ? kinds.get(plain.type) : undefined;
    if (Kind === undefined) return { error: `${into}missing or unknown field type in ${JSON.stringify(plain)}` };
    const field = new Kind();
    const wrong = P.misfitOf(field, plain);
    return wrong === null ? { field } : { error: `${into}failed to unmarshal field: ${wrong}` };
};

G.Field = function Field(data) {
    if (data === null || typeof data !== "object") return {};
    const { field } = P.fieldFrom(P.plain(data));
    if (field === undefined) return {};
    new FieldsList().add(field);
    return field;
};
defineProperty(G, "Field", { enumerable: false });

// -- lists of them ------------------------------------------------------------------------------------------------------

const crcs = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    crcs[n] = c >>> 0;
}

P.crc32 = (text) => {
    const bytes = P.utf8(text);
    let crc = 0xffffffff;
    for (let at = 0; at < bytes.length; at++) crc = crcs[(crc ^ bytes.charCodeAt(at)) & 0xff] ^ (crc >>> 8);
    return (crc ^ 0xffffffff) >>> 0;
};

class FieldsList extends Array {
    static get [Symbol.species]() { return Array; }

    constructor(data) {
        super();
        const plain = Array.isArray(data) ? P.plain(data) : null;
        if (plain !== null) this.push(...(decoded(plain).fields ?? []));
    }
}
P.FieldsList = FieldsList;

function decoded(plain) {
    const fields = [];
    for (const each of plain) {
        const { field, error } = P.fieldFrom(each);
        if (error !== undefined) return { error };
        put(fields, field, fields.length);
    }
    return { fields };
}

// A field takes the place of the one with its id, or its name where it has no id; else it goes to `at`. An id is made.
function put(list, field, at, moves) {
    let place = -1;
    if (field.id === "") {
        const { name } = field;
        place = name === "" ? -1 : list.findIndex((each) => each.name === name);
        if (place >= 0) field.id = list[place].id;
        else field.id = freeId(list, field.type() + P.crc32(name));
    }
    if (place < 0) place = list.findIndex((each) => each.id === field.id);
    if (place < 0) list.splice(at, 0, field);
    else if (!moves) list[place] = field;
    else {
        list.splice(place, 1);
        list.splice(Math.min(at, list.length), 0, field);
    }
}

function freeId(list, wanted) {
    let id = wanted;
    for (let number = 2; list.some((each) => each.id === id); number++) id = wanted + number;
    return id;
}

function checked(fields) {
    for (let at = 0; at < fields.length; at++) {
        if (P.isField(fields[at])) continue;
        throw new TypeError(`could not convert function call parameter ${at}: could not convert ${String(fields[at])} to core.Field`);
    }
}

// JSON text, or bytes of it.
P.jsonText = (raw) => (typeof raw === "string" ? raw : raw === undefined || raw === null ? "" : P.fromUtf8(P.binary(raw, 0)));

function marshaled(raw) {
    const text = P.jsonText(raw).trim();
    if (text === "" || text === "null") return [];
    let plain;
    try {
        plain = JSON.parse(text);
    } catch {
        throw P.goError(`${LIST}jsontext: invalid character '${text[0]}' at start of value within "/0" after offset 1`);
    }
    const { fields, error } = decoded(Array.isArray(plain) ? plain : [plain]);
    if (error === undefined) return fields;
    // the real one tries a list again as a field
    throw P.goError(LIST + (Array.isArray(plain) ? P.fieldFrom([]).error : error));
}

P.methods(FieldsList.prototype, {
    add(...fields) {
        checked(fields);
        for (const field of fields) put(this, field, this.length);
    },

    addAt(pos, ...fields) {
        checked(fields);
        let at = P.toInt(pos);
        for (const field of fields) {
            put(this, field, at < 0 || at > this.length ? this.length : at, true);
            if (at >= 0) at++;
        }
    },

    addMarshaledJSON(raw) {
        this.add(...marshaled(raw));
    },

    addMarshaledJSONAt(pos, raw) {
        this.addAt(pos, ...marshaled(raw));
    },

    getByName(name) {
        return this.find((field) => field.name === P.toText(name)) ?? null;
    },

    getById(id) {
        return this.find((field) => field.id === P.toText(id)) ?? null;
    },

    removeByName(name) {
        const at = this.findIndex((field) => field.name === P.toText(name));
        if (at >= 0) this.splice(at, 1);
    },

    removeById(id) {
        const at = this.findIndex((field) => field.id === P.toText(id));
        if (at >= 0) this.splice(at, 1);
    },

    fieldNames() {
        return Array.from(this, (field) => field.name);
    },

    asMap() {
        const map = {};
        for (const field of this) map[field.name] = field;
        return map;
    },

    clone() {
        return P.fieldsOf(P.fieldsWire(this));
    },

    string() {
        return JSON.stringify(P.fieldsWire(this));
    },

    toString() {
        return JSON.stringify(P.fieldsWire(this));
    },

    marshalJSON() {
        return P.bytesOf(this.string());
    },

    unmarshalJSON(raw) {
        const fields = marshaled(raw);
        this.length = 0;
        this.push(...fields);
    },

    value() {
        return this.string();
    },

    scan(value) {
        this.unmarshalJSON(value);
    },
});

P.fieldsOf = (definitions) => {
    const list = new FieldsList();
    for (let at = 0; at < definitions.length; at++) list[at] = P.fieldOf(definitions[at]);
    return list;
};

P.fieldsWire = (list) => Array.from(list, (field) => {
    if (P.isField(field)) return P.fieldWire(field);
    throw new TypeError(`could not convert ${String(field)} to core.Field`);
});

P.kinds.fields = {
    zero: () => new FieldsList(),
    assign(value, current) {
        if (value === undefined || value === null) return new FieldsList();
        if (!Array.isArray(value)) return current;
        const list = new FieldsList();
        for (const each of value) list.push(P.isField(each) ? each : G.Field(each));
        checked(list);
        return list;
    },
    decode(json) {
        const list = new FieldsList();
        if (json === null) return list;
        if (!Array.isArray(json)) P.misfit("slice");
        const { fields, error } = decoded(json);
        if (error !== undefined) P.misfit(error);
        list.push(...fields);
        return list;
    },
    adopt: P.fieldsOf,
    // a field that is there still is the same object
    refresh(value, json) {
        const former = new Map(value.map((field) => [`${field.type()} ${field.id}`, field]));
        const now = json.map((each) => {
            const field = former.get(`${each.type} ${each.id}`);
            if (field === undefined) return P.fieldOf(each);
            P.refresh(field, each);
            return field;
        });
        value.splice(0, value.length, ...now);
        return value;
    },
    wire: P.fieldsWire,
};

const callable = function FieldsList(data) { return new P.FieldsList(data); };
callable.prototype = FieldsList.prototype;
defineProperty(G, "FieldsList", { value: callable, writable: true, configurable: true, enumerable: false });
