// `$app`'s methods for records: finding, storing, expanding, tokens.

const { isArray } = Array;
const { cast } = P;
const NO_ROWS = "sql: no rows in result set";

// -- finding ----------------------------------------------------------------------------------------------------------------

const NO_IDENTIFIER = "unknown collection identifier - must be collection model, id or name";
const INVALID_TABLE = "`@@__invalidCollectionModelOrIdentifier`";

// What names a collection: its id where a Collection is given.
function named(value) {
    if (typeof value === "string") return value;
    if (P.isCollection(value)) return value.id;
    throw P.goError(NO_IDENTIFIER);
}

// … where the real one makes a query of it that fails.
function queried(app, value, columns) {
    if (typeof value === "string" || P.isCollection(value)) {
        try {
            return P.host(columns === "count(*)" ? "records.count" : "records.all", app.$n, named(value));
        } catch (x) {
            if (x.message !== NO_ROWS) throw x;
        }
    }
    throw P.goError(`context canceled; failed query: SELECT ${columns} FROM ${INVALID_TABLE}`);
}

const listed = (values, what) => {
    if (isArray(values)) return values.map((value) => P.goText(value));
    if (values === null || values === undefined) return [];
    throw new TypeError(`could not convert function call parameter ${what}: could not convert ${String(values)} to []string`);
};

// {id: …} and the like as the real one puts it into a filter's text.
function params(given, at) {
    const out = {};
    for (const each of given) {
        if (each === null || each === undefined) continue;
        if (typeof each !== "object") {
            throw new TypeError(`could not convert function call parameter ${at}: could not convert ${String(each)} to dbx.Params`);
        }
        const map = each instanceof P.JSONMap ? each.toJSON() : P.dynamic(each)?.own() ?? each;
        // of two with the same name the first counts
        for (const key of Object.keys(map)) out[key] ??= param(map[key]);
    }
    return out;
}

function param(value) {
    switch (typeof value) {
        case "string": return { s: P.goText(value) };
        case "number": case "boolean": return { r: cast.text(value) };
        case "undefined": return { r: "null" };
    }
    if (value === null) return { r: "null" };
    if (value instanceof Date) return { s: P.dateText(value) };
    if (value instanceof P.DateTime) return { s: value.string() };
    if (value instanceof P.Time) return { s: value.format("2006-01-02 15:04:05.000Z") };
    if (value instanceof Number || value instanceof Boolean) return { r: cast.text(value) };
    try { return { s: P.marshal(value) }; } catch { return { s: "" }; }
}

function one(app, collection, fill) {
    const query = app.recordQuery(collection).limit(1);
    fill(query);
    const found = new P.Record(null);
    query.one(found);
    return found;
}

P.appMethods({
    findRecordById(collection, id, ...optFilters) {
        const filters = optFilters.filter((fn) => fn !== null && fn !== undefined);
        if (filters.length > 0) {
            return one(this, collection, (query) => {
                query.andWhere(G.$dbx.hashExp({ [`${P.collectionNamed(collection).name}.id`]: P.goText(id) }));
                for (const fn of filters) fn(query);
            });
        }
        return P.recordIn(P.host("records.find", this.$n, named(collection), P.goText(id)));
    },

    findRecordsByIds(collection, ids, ...optFilters) {
        const filters = optFilters.filter((fn) => fn !== null && fn !== undefined);
        const wanted = listed(ids, 1);
        if (filters.length > 0) {
            const query = this.recordQuery(collection).andWhere(G.$dbx.in(`${P.collectionNamed(collection).name}.id`, ...wanted));
            for (const fn of filters) fn(query);
            const found = G.arrayOf(new P.Record(null));
            query.all(found);
            return found;
        }
        return P.recordsIn(P.host("records.findAll", this.$n, named(collection), wanted));
    },

    findAllRecords(collection, ...exprs) {
        const given = exprs.filter((expr) => expr !== null && expr !== undefined);
        if (given.length === 0) return P.recordsIn(queried(this, collection, `${INVALID_TABLE}.*`));
        const query = this.recordQuery(collection);
        for (const expr of given) query.andWhere(expr);
        const found = G.arrayOf(new P.Record(null));
        query.all(found);
        return found;
    },

    countRecords(collection, ...exprs) {
        const given = exprs.filter((expr) => expr !== null && expr !== undefined);
        if (given.length === 0) return queried(this, collection, "count(*)");
        const query = this.recordQuery(collection).select("COUNT(*) as total");
        for (const expr of given) query.andWhere(expr);
        const row = new G.DynamicModel({ total: 0 });
        query.one(row);
        return row.total;
    },

    findFirstRecordByData(collection, key, value) {
        return P.recordIn(P.host("records.first", this.$n, named(collection), P.goText(key), P.dbValue(value)));
    },

    findRecordsByFilter(collection, filter, sort, limit, offset, ...given) {
        const query = [P.goText(filter), P.goText(sort), cast.int(limit), cast.int(offset), params(given, 5)];
        return P.recordsIn(P.host("records.filter", this.$n, named(collection), ...query));
    },

    findFirstRecordByFilter(collection, filter, ...given) {
        const [id, rows] = P.host("records.filter", this.$n, named(collection), P.goText(filter), "", 1, 0, params(given, 2));
        if (rows.length === 0) throw P.goError(NO_ROWS);
        return P.recordIn([id, rows[0]]);
    },

    findAuthRecordByEmail(collection, email) {
        return P.recordIn(P.host("records.byEmail", this.$n, named(collection), P.goText(email)));
    },

    findAuthRecordByToken(token, ...validTypes) {
        return P.recordIn(P.host("records.byToken", this.$n, P.goText(token), listed(validTypes, 1)));
    },

    findRecordByViewFile() {
        throw P.lacking("$app.findRecordByViewFile", "files");
    },

    canAccessRecord(record, requestInfo, accessRule) {
        if (!P.isRecord(record)) throw new TypeError(`could not convert function call parameter 0: could not convert ${String(record)} to *core.Record`);
        const rule = accessRule === null || accessRule === undefined ? null : P.goText(accessRule);
        return P.host("records.access", this.$n, P.recordOut(record), P.requestInfoOut(requestInfo), rule);
    },
});

// A value as a statement's parameter.
P.dbValue = (value) => {
    const held = P.exported(value);
    if (typeof held === "string") return P.goText(held);
    if (held === null || typeof held === "boolean") return held;
    if (typeof held === "number") return Number.isFinite(held) ? held : null;
    if (isArray(held) && !(held instanceof P.JSONRaw) && !P.isMarked(held)) return P.marshal(held);
    if (held instanceof P.DateTime || held instanceof P.JSONRaw || isArray(held) || typeof held === "bigint") return cast.text(held);
    return typeof held.value === "function" ? cast.text(held.value()) : P.marshal(held);
};

// What a rule may look at, of a RequestInfo or of something like one.
P.requestInfoOut = (info) => {
    if (info === null || info === undefined) return null;
    const map = (value) => (value === null || value === undefined ? {} : JSON.parse(P.marshal(value)));
    return {
        method: P.goText(info.method), context: P.goText(info.context), query: map(info.query), headers: map(info.headers),
        body: map(info.body), auth: P.isRecord(info.auth) ? P.recordOut(info.auth) : null,
    };
};

// -- storing ------------------------------------------------------------------------------------------------------------------

P.model(P.Record, {
    save(app, record, validated) {
        const n = app.$n;
        P.lent(record, (wire) => P.host("records.save", n, wire, validated));
    },
    delete(app, record) {
        const n = app.$n;
        P.lent(record, (wire) => P.host("records.delete", n, wire));
    },
    validate(app, record) {
        const n = app.$n;
        P.lent(record, (wire) => P.host("records.validate", n, wire));
    },
});
