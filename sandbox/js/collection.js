// Collections: the class, and what scripts ask the app of them.
//
//   P.collection(nameOrId)        the one that records share: found once until the catalog changes. GoError for none
//   P.collectionOf(definition, isNew)   a Collection of a definition of the host's, with its tokens' secrets
//   P.collectionWire(c)           {id: under which it is stored, or "", def: its definition}
//   P.collectionTold(c, definition, isNew)   the host has changed it: the same object, and its fields' objects, with it
//   P.catalogChanged()            what was found before is forgotten

const { keys, defineProperty } = Object;
const { string, bool, int, date, optString, optBool, strings, jsonStrings, fields, map, struct, list } = P.kinds;
const NO_ROWS = "sql: no rows in result set";

// -- options ------------------------------------------------------------------------------------------------------------

const SECOND = 1000000000;
const lasting = { durationTime() { return new P.Duration(this.duration * SECOND); } };

const EmailTemplate = P.struct({ subject: string, body: string }, {
    resolve(placeholders) {
        let { subject, body } = this;
        for (const key of keys(placeholders ?? {})) {
            subject = subject.split(key).join(P.toText(placeholders[key]));
            body = body.split(key).join(P.toText(placeholders[key]));
        }
        return [subject, body];
    },
});
const template = struct(EmailTemplate);
const Token = P.struct({ secret: string, duration: int }, lasting);
const token = struct(Token);
const Provider = P.struct({
    pkce: optBool, name: string, clientId: string, clientSecret: string, authURL: string, tokenURL: string,
    userInfoURL: string, displayName: string, extra: map,
});
const MappedFields = P.struct({ id: string, name: string, username: string, avatarURL: string });
const OAuth2 = P.struct({ providers: list(Provider), mappedFields: struct(MappedFields), enabled: bool }, {
    getProviderConfig(name) {
        const found = this.providers.find((provider) => provider.name === P.toText(name));
        return [found ?? new Provider(), found !== undefined];
    },
});

const BASE = {
    id: string, listRule: optString, viewRule: optString, createRule: optString, updateRule: optString,
    deleteRule: optString, name: string, type: string, fields, indexes: jsonStrings, created: date, updated: date,
    system: bool,
};
const AUTH = {
    authRule: optString, manageRule: optString,
    authAlert: struct(P.struct({ enabled: bool, emailTemplate: template })),
    oauth2: struct(OAuth2),
    passwordAuth: struct(P.struct({ enabled: bool, identityFields: strings })),
    mfa: struct(P.struct({ enabled: bool, duration: int, rule: string }, lasting)),
    otp: struct(P.struct({ enabled: bool, duration: int, length: int, emailTemplate: template }, lasting)),
    authToken: token, passwordResetToken: token, emailChangeToken: token, verificationToken: token, fileToken: token,
    verificationTemplate: template, resetPasswordTemplate: template, confirmEmailChangeTemplate: template,
};
const VIEW = { viewQuery: string };
const ID_FIELD = {
    autogeneratePattern: "[a-z0-9]{15}", help: "", hidden: false, id: "text3208210256", max: 15, min: 15, name: "id",
    pattern: "^[a-z0-9]+$", presentable: false, primaryKey: true, required: true, system: true, type: "text",
};

// -- collections --------------------------------------------------------------------------------------------------------

// Under which id each is stored; "": it is new.
const stored = new WeakMap();

const SQL_NAME = /^\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:(?:`[^`]*`|"[^"]*"|\[[^\]]*\]|\w+)\s*\.\s*)?(?:`([^`]*)`|"([^"]*)"|\[([^\]]*)\]|([\w$]+))\s+ON\s/i;

// The name of an index by its statement, in lower case.
function indexName(statement) {
    const found = SQL_NAME.exec(statement);
    const name = found === null ? "" : found[1] ?? found[2] ?? found[3] ?? found[4];
    return /\s/.test(name) ? "" : name.toLowerCase();
}

const Collection = P.struct({ ...BASE, ...AUTH, ...VIEW }, {
    get baseModel() { return { id: this.id }; },
    get rawOptions() { return P.rawOf(stored.get(this) ? JSON.stringify(optionsOf(this)) : ""); },
    tableName() { return "_collections"; },
    baseFilesPath() { return this.id; },
    pk() { return this.id; },
    lastSavedPK() { return stored.get(this) ?? ""; },
    isNew() { return !stored.get(this); },
    markAsNew() { stored.set(this, ""); },
    markAsNotNew() { stored.set(this, this.id); },
    isBase() { return this.type === "base"; },
    isAuth() { return this.type === "auth"; },
    isView() { return this.type === "view"; },
    integrityChecks(on) { unchecked[on === false ? "add" : "delete"](this); },
    postScan() { stored.set(this, this.id); },

    getIndex(name) {
        const wanted = P.toText(name).toLowerCase();
        return this.indexes.find((statement) => indexName(statement) === wanted) ?? "";
    },

    removeIndex(name) {
        const wanted = P.toText(name).toLowerCase();
        const at = this.indexes.findIndex((statement) => indexName(statement) === wanted);
        if (at >= 0) this.indexes.splice(at, 1);
    },

    addIndex(name, unique, columns, where) {
        this.removeIndex(name);
        const condition = P.toText(where);
        this.indexes.push(`CREATE ${unique ? "UNIQUE " : ""}INDEX \`${P.toText(name)}\` ON \`${this.name}\` ` +
            `(${P.toText(columns)})${condition === "" ? "" : ` WHERE ${condition}`}`);
    },

    unmarshalJSON(raw) {
        let plain;
        try {
            plain = JSON.parse(P.jsonText(raw));
        } catch (error) {
            throw P.goError(`jsontext: ${error.message}`);
        }
        const wrong = P.misfitOf(this, plain ?? {});
        if (wrong !== null) throw P.goError(wrong);
    },

    marshalJSON() { return P.bytesOf(this.string()); },
    string() { return JSON.stringify(this); },
    toString() { return JSON.stringify(this); },

    toJSON() {
        const out = definition(this);
        if (this.type !== "auth") return out;
        for (const key of keys(AUTH)) if (AUTH[key] === token) out[key] = { duration: out[key].duration };
        out.oauth2 = { ...out.oauth2, providers: out.oauth2.providers.map(({ clientSecret, ...rest }) => ({ ...rest, extra: rest.extra ?? {} })) };
        return out;
    },

    dbExport() {
        const out = P.wire(this);
        const row = {};
        for (const key of keys(BASE)) if (!["fields", "indexes", "created", "updated"].includes(key)) row[key] = out[key];
        return { ...row, fields: this.fields, indexes: this.indexes, created: this.created, updated: this.updated, options: this.rawOptions };
    },
});
const unchecked = new WeakSet();
P.Collection = Collection;
P.global("Collection", Collection);

const ofType = (type) => (type === "auth" ? { ...BASE, ...AUTH } : type === "view" ? { ...BASE, ...VIEW } : BASE);

// What it is made of: the members of its type.
function definition(c) {
    const all = P.wire(c);
    const out = {};
    for (const key of keys(ofType(c.type))) out[key] = all[key];
    return out;
}

function optionsOf(c) {
    const all = P.wire(c);
    const out = {};
    for (const key of keys(c.type === "auth" ? AUTH : c.type === "view" ? VIEW : {})) out[key] = all[key];
    return out;
}

// `new Collection({…})`: as a new one of its type and name, over which the rest is read.
Collection.load = (c, plain) => {
    for (const key of ["id", "name", "type"]) if (plain[key] !== null && plain[key] !== undefined && typeof plain[key] !== "string") return;
    const type = plain.type || "base";
    const name = plain.name ?? "";
    const kind = type === "view" ? "view" : "base";
    if (type === "auth") P.adopt(c, P.host("collection.scaffold", name));
    else P.adopt(c, { type, name, id: `pbc_${P.crc32(kind + name)}`, fields: type === "view" ? [] : [ID_FIELD] });
    P.misfitOf(c, plain);
};

P.collectionOf = (json, isNew = false) => {
    const c = P.adopt(new Collection(), json);
    stored.set(c, isNew ? "" : json.id);
    return c;
};

P.collectionWire = (c) => ({ id: stored.get(c) ?? "", def: definition(c) });

P.collectionTold = (c, json, isNew = false) => {
    P.refresh(c, json);
    stored.set(c, isNew ? "" : json.id);
    return c;
};

P.isCollection = (x) => x instanceof Collection && P.isStruct(x);

// -- found ones ---------------------------------------------------------------------------------------------------------

// Definitions by name in lower case and by id, and the shared objects by id.
let found = new Map();
let shared = new Map();

const { catalogChanged } = P;

P.catalogChanged = () => {
    catalogChanged();
    found = new Map();
    shared = new Map();
};

function lookUp(nameOrId) {
    const known = found.get(nameOrId);
    if (known !== undefined) return known;
    const json = P.host("collection.find", P.appNumber(), nameOrId);
    found.set(nameOrId, json);
    return json;
}

P.collection = (nameOrId) => {
    const text = P.toText(nameOrId);
    const known = shared.get(text);
    if (known !== undefined) return known;
    const json = lookUp(text);
    let collection = shared.get(json.id);
    if (collection === undefined) shared.set(json.id, (collection = P.collectionOf(json)));
    shared.set(text, collection);
    return collection;
};

const needs = (value, at = 0) => {
    if (P.isCollection(value)) return value;
    throw new TypeError(`could not convert function call parameter ${at}: could not convert ${String(value)} to core.Collection`);
};

// A collection or what names one, as the methods take it that take any of both; GoError for what is neither.
P.collectionNamed = (value) => {
    if (P.isCollection(value)) return value;
    if (typeof value === "string" || value instanceof String) return P.collection(String(value));
    throw P.goError(NO_ROWS);
};

const texts = (values) => values.map((each) => P.toText(each));

function references(app, collection, excluded) {
    const all = P.host("collection.references", app.$n, needs(collection).id, texts(excluded));
    const out = new Map();
    for (const [id, names] of all) {
        const other = P.collectionOf(lookUp(id));
        out.set(other, names.map((name) => other.fields.getByName(name)));
    }
    return out;
}

P.model(Collection, {
    save(app, c, validated) {
        const json = P.host("collection.save", app.$n, P.collectionWire(c), validated);
        P.collectionTold(c, json);
    },
    delete(app, c) {
        P.host("collection.delete", app.$n, stored.get(c) ?? "", unchecked.has(c));
    },
    validate(app, c) {
        P.host("collection.validate", app.$n, P.collectionWire(c));
    },
});

P.appMethods({
    findCollectionByNameOrId(nameOrId) {
        this.$n;
        return P.collectionOf(lookUp(P.toText(nameOrId)));
    },

    findCachedCollectionByNameOrId(nameOrId) {
        this.$n;
        return P.collection(nameOrId);
    },

    findAllCollections(...types) {
        return P.host("collection.all", this.$n, texts(types)).map((json) => P.collectionOf(json));
    },

    findCollectionReferences(collection, ...excluded) {
        return references(this, collection, excluded);
    },

    findCachedCollectionReferences(collection, ...excluded) {
        return references(this, collection, excluded);
    },

    isCollectionNameUnique(name, ...excluded) {
        return P.host("collection.unique", this.$n, P.toText(name), texts(excluded));
    },

    reloadCachedCollections() {
        P.host("collection.reload", this.$n);
        P.catalogChanged();
    },

    truncateCollection(collection) {
        const c = needs(collection);
        P.host("collection.truncate", this.$n, stored.get(c) || c.id, c.name);
    },

    importCollections(items, deleteMissing) {
        if (!Array.isArray(items)) {
            throw new TypeError(`could not convert function call parameter 0: could not convert ${String(items)} to []map[string]interface {}`);
        }
        P.host("collection.import", this.$n, P.plain(items), Boolean(deleteMissing));
    },

    importCollectionsByMarshaledJSON(raw, deleteMissing) {
        let items;
        const text = P.jsonText(raw).trim();
        try {
            items = JSON.parse(text);
        } catch {
            throw P.goError(`jsontext: invalid character '${text[0] ?? ""}' at start of value`);
        }
        if (items !== null && !Array.isArray(items)) {
            throw P.goError(`json: cannot unmarshal JSON ${P.jsonKind(items)} into Go []map[string]interface {}`);
        }
        P.host("collection.import", this.$n, items ?? [], Boolean(deleteMissing));
    },

    syncRecordTableSchema() {
        throw P.goError("$app.syncRecordTableSchema is not available: tables follow their collections when these are saved");
    },
});
