// SELECT: the builder that `db().select()` and `$app.recordQuery()` and its kin answer.
//
//   P.select(app, {aux, collection, columns, from, told})   a SelectQuery; `collection`: rows may become Records of it;
//                                     `told`: errors name the query, as the real one's app does
//   app.recordQuery(c) collectionQuery() modelQuery(m) auxModelQuery(m) logQuery()

const { GoError } = G;
const { Query } = P;
const NO_ROWS = "sql: no rows in result set";
const INVALID = "@@__invalidCollectionModelOrIdentifier";
const NIL = "runtime error: invalid memory address or nil pointer dereference";

const text = (value) => P.goText(value);
const texts = (values) => values.map(text);
const integer = (value) => {
    const number = Math.trunc(Number(value));
    return Number.isFinite(number) ? number : 0;
};

const ALIAS = /(?:\s+as\s+|\s+)([\w\-.]+)$/i;
const DIRECTION = /\s+(asc|desc)$/i;

const selected = P.remembered((column) => {
    const found = ALIAS.exec(column);
    if (found === null) return P.quoteColumn(column);
    return `${P.quoteColumn(column.slice(0, found.index))} AS ${P.quoteSimpleColumn(found[1])}`;
});

const named = P.remembered((table) => {
    const found = ALIAS.exec(table);
    if (found === null) return P.quoteTable(table);
    return `${P.quoteTable(table.slice(0, found.index))} ${P.quoteSimpleTable(found[1])}`;
});

const ordered = P.remembered((column) => {
    const found = DIRECTION.exec(column);
    if (found === null) return P.quoteColumn(column);
    return `${P.quoteColumn(column.slice(0, found.index))} ${found[1]}`;
});

function range(limit, offset) {
    const from = offset > 0 ? " OFFSET " + offset : "";
    if (limit < 0) return from === "" ? "" : " LIMIT 9223372036854775807" + from;
    return " LIMIT " + limit + from;
}

class SelectQuery {
    #builder;
    #scope;
    #parts;

    constructor(builder, scope, columns) {
        this.#builder = builder;
        this.#scope = scope;
        this.#parts = {
            preFragment: "", postFragment: "", selects: columns, distinct: false, selectOption: "", from: [], where: null,
            join: [], orderBy: [], groupBy: [], having: null, union: [], limit: -1, offset: 0, params: new Map(), hook: null,
        };
    }

    #with(name, value) {
        this.#parts[name] = value;
        return this;
    }

    #more(name, values) {
        return this.#with(name, [...this.#parts[name], ...values]);
    }

    context() { return this.#scope.context ?? null; }
    withContext(context) { this.#scope = { ...this.#scope, context }; return this; }
    withBuildHook(fn) { return this.#with("hook", fn ?? null); }
    preFragment(fragment) { return this.#with("preFragment", text(fragment)); }
    postFragment(fragment) { return this.#with("postFragment", text(fragment)); }
    select(...columns) { return this.#with("selects", texts(columns)); }
    andSelect(...columns) { return this.#more("selects", texts(columns)); }
    distinct(on) { return this.#with("distinct", Boolean(on)); }
    selectOption(option) { return this.#with("selectOption", text(option)); }
    from(...tables) { return this.#with("from", texts(tables)); }
    where(exp) { return this.#with("where", P.asExpression(exp)); }
    andWhere(exp) { return this.#with("where", P.andOf(this.#parts.where, P.asExpression(exp))); }
    orWhere(exp) { return this.#with("where", P.orOf(this.#parts.where, P.asExpression(exp))); }
    having(exp) { return this.#with("having", P.asExpression(exp)); }
    andHaving(exp) { return this.#with("having", P.andOf(this.#parts.having, P.asExpression(exp))); }
    orHaving(exp) { return this.#with("having", P.orOf(this.#parts.having, P.asExpression(exp))); }
    join(kind, table, on) { return this.#more("join", [{ join: text(kind), table: text(table), on: P.asExpression(on, 2) }]); }
    innerJoin(table, on) { return this.#more("join", [{ join: "INNER JOIN", table: text(table), on: P.asExpression(on, 1) }]); }
    leftJoin(table, on) { return this.#more("join", [{ join: "LEFT JOIN", table: text(table), on: P.asExpression(on, 1) }]); }
    rightJoin(table, on) { return this.#more("join", [{ join: "RIGHT JOIN", table: text(table), on: P.asExpression(on, 1) }]); }
    orderBy(...columns) { return this.#with("orderBy", texts(columns)); }
    andOrderBy(...columns) { return this.#more("orderBy", texts(columns)); }
    groupBy(...columns) { return this.#with("groupBy", texts(columns)); }
    andGroupBy(...columns) { return this.#more("groupBy", texts(columns)); }
    union(query) { return this.#more("union", [{ all: false, query: needsQuery(query) }]); }
    unionAll(query) { return this.#more("union", [{ all: true, query: needsQuery(query) }]); }
    limit(count) { return this.#with("limit", integer(count)); }
    offset(count) { return this.#with("offset", integer(count)); }

    bind(params) {
        const given = P.asParams(params);
        return this.#with("params", new Map(Object.entries(given)));
    }

    andBind(params) {
        for (const [name, value] of Object.entries(P.asParams(params))) this.#parts.params.set(name, value);
        return this;
    }

    build() {
        const parts = this.#parts;
        const params = new Map(parts.params);
        let sql = head(parts) + tail(parts, params);
        if (parts.preFragment !== "") sql = parts.preFragment + " " + sql;
        if (parts.postFragment !== "") sql += " " + parts.postFragment;
        const query = new Query(this.#scope, sql, params);
        parts.hook?.(query);
        return query;
    }

    one(target) { this.#for(target).build().one(target); }
    all(target) { this.#for(P.arrayModel(target)).build().all(target); }
    row(...targets) { this.build().row(...targets); }
    column(target) { this.build().column(target); }
    rows() { return this.build().rows(); }

    model(key, target) {
        const own = "id";
        this.#for(target);
        this.andWhere(P.exp(`${P.quoteColumn(own)}={:modelKey}`, { modelKey: key }));
        this.one(target);
    }

    info() {
        const { hook, params, ...rest } = this.#parts;
        return { ...rest, params: P.bareParams(params), builder: this.#builder, context: this.context(), buildHook: hook };
    }

    // Without a table the model says which one.
    #for(target) {
        if (this.#parts.from.length === 0 && typeof target?.tableName === "function") {
            this.#parts.from = [text(target.tableName())];
        }
        return this;
    }
}
P.SelectQuery = SelectQuery;
P.selection = (builder, scope, columns) => new SelectQuery(builder, scope, texts(columns));

function needsQuery(query) {
    if (query instanceof Query) return query;
    throw new TypeError(`could not convert function call parameter 0: could not convert ${String(query)} to *dbx.Query`);
}

const list = (values, each) => (values.length === 1 ? each(values[0]) : values.map((value) => each(value)).join(", "));

function head({ selects, distinct, selectOption }) {
    const columns = selects.length === 0 ? "*" : list(selects, selected);
    return `SELECT ${distinct ? "DISTINCT " : ""}${selectOption === "" ? "" : selectOption + " "}${columns}`;
}

function tail(parts, params) {
    let out = parts.from.length > 0 ? " FROM " + list(parts.from, named) : "";
    for (const { join, table, on } of parts.join) {
        const sql = P.sqlOf(on, params);
        out += ` ${join} ${named(table)}${sql === "" ? "" : " ON " + sql}`;
    }
    const where = P.sqlOf(parts.where, params);
    if (where !== "") out += " WHERE " + where;
    if (parts.groupBy.length > 0) out += " GROUP BY " + list(parts.groupBy, P.quoteColumn);
    const having = P.sqlOf(parts.having, params);
    if (having !== "") out += " HAVING " + having;
    if (parts.orderBy.length > 0) out += " ORDER BY " + list(parts.orderBy, ordered);
    out += range(parts.limit, parts.offset);
    for (const { all, query } of parts.union) {
        for (const [name, value] of Object.entries(query.params())) params.set(name, value);
        out += ` ${all ? "UNION ALL" : "UNION"} ${query.sql()}`;
    }
    return out;
}

P.select = (app, { aux = false, collection, columns, from, told = true, invalid = false }) => {
    const scope = { app, aux, collection, told, invalid };
    return P.selection(P.builderOf(scope), scope, columns).from(from);
};

// -- on $app -----------------------------------------------------------------------------------------------------------

const ofModel = (app, model, aux) => {
    if (model === null || model === undefined) throw P.goError(NIL);
    const table = text(model.tableName());
    const collection = P.isRecord(model) ? model.collection() : undefined;
    return P.select(app, { aux, collection, columns: [`{{${table}}}.*`], from: table });
};

function namedCollection(collection) {
    try {
        return P.collectionNamed(collection);
    } catch (error) {
        if (P.isGoError(error) && error.message === NO_ROWS) return null;
        throw error;
    }
}

P.appMethods({
    recordQuery(collection) {
        const found = namedCollection(collection);
        const name = found === null ? INVALID : found.name;
        const columns = [`${P.quoteSimpleTable(name)}.*`];
        return P.select(this, { collection: found ?? undefined, columns, from: name, invalid: found === null });
    },

    collectionQuery() { return P.select(this, { columns: ["{{_collections}}.*"], from: "_collections" }); },
    logQuery() { return P.select(this, { aux: true, columns: ["{{_logs}}.*"], from: "_logs" }); },
    modelQuery(model) { return ofModel(this, model, false); },
    auxModelQuery(model) { return ofModel(this, model, true); },
});
