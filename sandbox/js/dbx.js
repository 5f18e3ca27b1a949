// Queries: what `$app.db()` and its kin answer, the SELECT builder, and what is done with rows.
//
//   P.builder(app, aux)               the database of an App (`aux`: the auxiliary one)
//   P.select(app, {aux, collection, columns, from, told})   a SelectQuery; `collection` (API JSON): rows may become Records;
//                                     `told`: errors name the query, as the real one's app does
//   app.db() concurrentDB() nonconcurrentDB() auxDB() auxConcurrentDB() auxNonconcurrentDB()
//   app.recordQuery(c) collectionQuery() modelQuery(m) auxModelQuery(m) logQuery()
//
// Nothing is asked of the host before rows are wanted. What they are put into is destinations.js's.

const { defineProperty } = Object;
const { isArray } = Array;
const { GoError } = G;
const NO_ROWS = "sql: no rows in result set";
const INVALID = "@@__invalidCollectionModelOrIdentifier";
const NIL = "runtime error: invalid memory address or nil pointer dereference";
const ROWS = 0;
const EXECUTE = 1;
const COLUMNS = 2;

const text = (value) => P.goText(value);
const texts = (values) => values.map(text);
const integer = (value) => {
    const number = Math.trunc(Number(value));
    return Number.isFinite(number) ? number : 0;
};
const failure = (message) => P.goError(message);
const wrongTarget = (message) => {
    const whole = "Invalid variable type: " + message;
    return P.goError(whole, whole);
};

// -- a query ------------------------------------------------------------------------------------------------------------

class Query {
    #scope;
    #sql;
    #params = new Map();
    #prepared = null;

    constructor(scope, sql, params, refused) {
        this.#scope = scope;
        this.#sql = sql;
        if (params !== undefined) for (const [name, value] of params) this.#params.set(name, value);
        // the error of what this kind of database has no SQL for
        defineProperty(this, "lastError", { value: refused === undefined ? null : failure(refused), writable: true, enumerable: true });
    }

    sql() { return this.#sql; }
    params() { return P.bareParams(this.#params); }
    context() { return this.#scope.context ?? null; }
    withContext(context) { this.#scope = { ...this.#scope, context }; return this; }
    prepare() { this.#prepared ??= P.compiled; return this; }
    close() { this.#prepared = null; }
    withExecHook() { return this; }
    withOneHook() { return this; }
    withAllHook() { return this; }

    bind(params) {
        const given = P.asParams(params);
        for (const name of Object.keys(given)) this.#params.set(name, given[name]);
        return this;
    }

    execute() {
        const [changed, last] = this.#ask(EXECUTE);
        return { rowsAffected: () => changed, lastInsertId: () => last, lock() {}, unlock() {} };
    }

    one(target) {
        this.#run(() => one(this, target));
    }

    all(target) {
        this.#run(() => all(this, target));
    }

    row(...targets) {
        this.#run(() => {
            const [columns, rows] = this.$rows();
            if (rows.length === 0) throw failure(NO_ROWS);
            P.scanRow(columns, rows[0], targets);
        });
    }

    column(target) {
        this.#run(() => column(this, target));
    }

    rows() {
        return this.#run(() => new Rows(...this.#ask(COLUMNS)));
    }

    get $scope() { return this.#scope; }
    $rows() { return this.#ask(ROWS); }

    #compiled() {
        if (this.lastError !== null) throw this.lastError;
        if (this.#scope.invalid) throw failure("context canceled");
        const { sql, values } = P.compiled({ sql: this.#sql, params: this.#params });
        return { sql, values: values.map((value, at) => P.param(value, at + 1)) };
    }

    #ask(mode) {
        const { sql, values } = this.#compiled();
        const { app, aux } = this.#scope;
        return P.host("sql", app.$n, aux, sql, values, mode);
    }

    // Errors of an app's own queries name the query.
    #run(work) {
        try {
            return work();
        } catch (error) {
            if (!this.#scope.told || !(error instanceof GoError) || error.message === NO_ROWS) throw error;
            throw failure(`${error.message}; failed query: ${this.#sql}`);
        }
    }
}
defineProperty(Query.prototype, "$scope", { enumerable: false });
P.Query = Query;

// -- rows into variables ------------------------------------------------------------------------------------------------

function one(query, target) {
    if (target === null || target === undefined) throw failure(NIL);
    const found = P.destination(target, query.$scope.collection);
    if (found === undefined || found.row === undefined) {
        if (found?.set !== undefined) throw wrongTarget("must be a pointer to a struct");
        if (isArray(target) || typeof target !== "object") throw wrongTarget("must be a pointer");
        throw wrongTarget("must be a NullStringMap");
    }
    const [columns, rows] = query.$rows();
    if (rows.length === 0) throw failure(NO_ROWS);
    found.row(columns, rows[0]);
}

function all(query, target) {
    const { collection, told } = query.$scope;
    const found = P.destination(target, collection);
    if (found === undefined) throw told ? failure("must be a pointer") : wrongTarget("must be a pointer");
    if (found.add === undefined) throw wrongTarget("must be a slice of struct or NullStringMap");
    const [columns, rows] = query.$rows();
    for (const row of rows) found.add(columns, row);
}

function column(query, target) {
    const found = P.destination(target);
    if (found === undefined || !found.list) throw wrongTarget("must be a pointer to a slice");
    const [columns, rows] = query.$rows();
    for (const row of rows) P.scanEach(columns.slice(0, 1), row, (value) => found.push(value));
}

class Rows {
    #columns;
    #rows;
    #types;
    #at = -1;
    #open = true;

    constructor(columns, rows, types) {
        this.#columns = columns;
        this.#rows = rows;
        this.#types = types;
    }

    next() {
        if (!this.#open) return false;
        this.#at++;
        if (this.#at >= this.#rows.length) this.#open = false;
        return this.#open;
    }

    columns() {
        if (!this.#open) throw failure("sql: Rows are closed");
        return [...this.#columns];
    }

    columnTypes() {
        if (!this.#open) throw failure("sql: Rows are closed");
        return this.#columns.map((name, at) => ({
            name: () => name,
            databaseTypeName: () => this.#types[at] ?? "",
            nullable: () => [true, true],
        }));
    }

    scan(...targets) {
        P.scanRow(this.#columns, this.#row(), targets);
    }

    scanStruct(target) {
        const found = P.destination(target);
        if (found?.row === undefined) throw wrongTarget("must be a pointer");
        found.row(this.#columns, this.#row());
    }

    scanMap() { this.#row(); }
    nextResultSet() { this.#open = false; return false; }
    err() { return null; }
    close() { this.#open = false; }

    #row() {
        if (!this.#open) throw failure("sql: Rows are closed");
        if (this.#at < 0) throw failure("sql: Scan called without calling Next");
        return this.#rows[this.#at];
    }
}

// -- databases ----------------------------------------------------------------------------------------------------------

const lines = (columns, take) => Object.keys(columns).sort().map(take);

// Columns and values of an INSERT or UPDATE: each is a place of its own, or an expression's SQL.
function assigned(columns) {
    const given = P.asParams(columns, 1);
    const params = new Map();
    const parts = lines(given, (name) => {
        const value = given[name];
        if (P.isExpression(value)) return [P.quoteColumn(name), P.sqlOf(value, params)];
        const place = "p" + params.size;
        params.set(place, value);
        return [P.quoteColumn(name), `{:${place}}`];
    });
    return { params, parts };
}

const condition = (where, params, at) => {
    const sql = P.sqlOf(P.asExpression(where, at), params);
    return sql === "" ? "" : " WHERE " + sql;
};

class Builder {
    #scope;

    constructor(scope) {
        this.#scope = scope;
    }

    #query(sql, params) { return new Query(this.#scope, sql, params); }
    #refused(why) { return new Query(this.#scope, "", undefined, why); }

    newQuery(sql) { return this.#query(text(sql)); }
    select(...columns) { return new SelectQuery(this, this.#scope, texts(columns)); }
    model() { throw P.goError("db().model() is not available here: use $app.save(), or insert() and update()"); }

    quote(value) { return "'" + text(value).replaceAll("'", "''") + "'"; }
    quoteSimpleTableName(name) { return P.quoteSimpleTable(text(name)); }
    quoteSimpleColumnName(name) { return P.quoteSimpleColumn(text(name)); }
    quoteTableName(name) { return P.quoteTable(text(name)); }
    quoteColumnName(name) { return P.quoteColumn(text(name)); }
    generatePlaceholder() { return "?"; }
    queryBuilder() { return {}; }

    insert(table, columns) {
        const { params, parts } = assigned(columns);
        const into = "INSERT INTO " + P.quoteTable(text(table));
        if (parts.length === 0) return this.#query(into + " DEFAULT VALUES");
        const names = parts.map(([name]) => name).join(", ");
        return this.#query(`${into} (${names}) VALUES (${parts.map(([, value]) => value).join(", ")})`, params);
    }

    update(table, columns, where) {
        const { params, parts } = assigned(columns);
        const set = parts.map(([name, value]) => `${name}=${value}`).join(", ");
        const sql = `UPDATE ${P.quoteTable(text(table))} SET ${set}`;
        return this.#query(sql + condition(where, params, 2), params);
    }

    delete(table, where) {
        const params = new Map();
        return this.#query("DELETE FROM " + P.quoteTable(text(table)) + condition(where, params, 1), params);
    }

    upsert() { return this.#refused("Upsert is not supported"); }

    createTable(table, columns, ...options) {
        const given = P.asParams(columns, 1, "map[string]string");
        const parts = lines(given, (name) => `${P.quoteColumn(name)} ${text(given[name])}`);
        return this.#query([`CREATE TABLE ${P.quoteTable(text(table))} (${parts.join(", ")})`, ...texts(options)].join(" "));
    }

    #alter(table, what) { return this.#query(`ALTER TABLE ${P.quoteTable(text(table))} ${what}`); }
    #index(kind, table, name, columns) {
        const names = texts(columns).map(P.quoteColumn).join(", ");
        return this.#query(`CREATE ${kind} ${P.quoteColumn(text(name))} ON ${P.quoteTable(text(table))} (${names})`);
    }

    renameTable(table, name) { return this.#alter(table, "RENAME TO " + P.quoteTable(text(name))); }
    dropTable(table) { return this.#query("DROP TABLE " + P.quoteTable(text(table))); }
    truncateTable(table) { return this.#query("DELETE FROM " + P.quoteTable(text(table))); }
    addColumn(table, column, type) { return this.#alter(table, `ADD ${P.quoteColumn(text(column))} ${text(type)}`); }
    dropColumn(table, column) { return this.#alter(table, "DROP COLUMN " + P.quoteColumn(text(column))); }
    renameColumn(table, column, name) {
        return this.#alter(table, `RENAME COLUMN ${P.quoteColumn(text(column))} TO ${P.quoteColumn(text(name))}`);
    }
    createIndex(table, name, ...columns) { return this.#index("INDEX", table, name, columns); }
    createUniqueIndex(table, name, ...columns) { return this.#index("UNIQUE INDEX", table, name, columns); }
    dropIndex(table, name) { return this.#query("DROP INDEX " + P.quoteColumn(text(name))); }
    alterColumn() { return this.#refused("SQLite does not support altering column"); }
    addPrimaryKey() { return this.#refused("SQLite does not support adding primary key"); }
    dropPrimaryKey() { return this.#refused("SQLite does not support dropping primary key"); }
    addForeignKey() { return this.#refused("SQLite does not support adding foreign keys"); }
    dropForeignKey() { return this.#refused("SQLite does not support dropping foreign keys"); }
}

const NO_BEGIN = "begin() is not available here: use transactional(fn) or $app.runInTransaction(fn), whose end is certain";

// What `concurrentDB()` and `nonconcurrentDB()` have beside a builder's methods.
class DB extends Builder {
    #scope;

    constructor(scope) {
        super(scope);
        this.#scope = scope;
    }

    transactional(fn) {
        const { app, aux } = this.#scope;
        const run = (tx) => fn(P.builder(tx, aux));
        return aux ? app.auxRunInTransaction(run) : app.runInTransaction(run);
    }

    transactionalContext(context, options, fn) { return this.transactional(fn); }
    begin() { throw P.goError(NO_BEGIN); }
    beginTx() { throw P.goError(NO_BEGIN); }
    driverName() { return "sqlite"; }
    context() { return this.#scope.context ?? null; }
    withContext(context) { return new DB({ ...this.#scope, context }); }
    clone() { return new DB(this.#scope); }
    close() { throw P.goError("the database can't be closed by a script"); }
}

P.builder = (app, aux = false) => new Builder({ app, aux, told: false });

// -- SELECT -------------------------------------------------------------------------------------------------------------

const ALIAS = /(?:\s+as\s+|\s+)([\w\-.]+)$/i;
const DIRECTION = /\s+(asc|desc)$/i;

function selected(column) {
    const found = ALIAS.exec(column);
    if (found === null) return P.quoteColumn(column);
    return `${P.quoteColumn(column.slice(0, found.index))} AS ${P.quoteSimpleColumn(found[1])}`;
}

function named(table) {
    const found = ALIAS.exec(table);
    if (found === null) return P.quoteTable(table);
    return `${P.quoteTable(table.slice(0, found.index))} ${P.quoteSimpleTable(found[1])}`;
}

function ordered(column) {
    const found = DIRECTION.exec(column);
    if (found === null) return P.quoteColumn(column);
    return `${P.quoteColumn(column.slice(0, found.index))} ${found[1]}`;
}

function range(limit, offset) {
    const parts = [];
    if (limit < 0 && offset > 0) parts.push("LIMIT 9223372036854775807");
    else if (limit >= 0) parts.push("LIMIT " + limit);
    if (offset > 0) parts.push("OFFSET " + offset);
    return parts;
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
        const sql = [parts.preFragment, head(parts), ...tail(parts, params), parts.postFragment];
        const query = new Query(this.#scope, sql.filter((part) => part !== "").join(" "), params);
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

function needsQuery(query) {
    if (query instanceof Query) return query;
    throw new TypeError(`could not convert function call parameter 0: could not convert ${String(query)} to *dbx.Query`);
}

function head({ selects, distinct, selectOption }) {
    const columns = selects.length === 0 ? "*" : selects.map(selected).join(", ");
    return ["SELECT", distinct ? "DISTINCT" : "", selectOption, columns].filter((part) => part !== "").join(" ");
}

function tail(parts, params) {
    const out = [];
    if (parts.from.length > 0) out.push("FROM " + parts.from.map(named).join(", "));
    for (const { join, table, on } of parts.join) {
        const sql = P.sqlOf(on, params);
        out.push(`${join} ${named(table)}${sql === "" ? "" : " ON " + sql}`);
    }
    const where = P.sqlOf(parts.where, params);
    if (where !== "") out.push("WHERE " + where);
    if (parts.groupBy.length > 0) out.push("GROUP BY " + parts.groupBy.map(P.quoteColumn).join(", "));
    const having = P.sqlOf(parts.having, params);
    if (having !== "") out.push("HAVING " + having);
    if (parts.orderBy.length > 0) out.push("ORDER BY " + parts.orderBy.map(ordered).join(", "));
    out.push(...range(parts.limit, parts.offset));
    for (const { all, query } of parts.union) {
        for (const [name, value] of Object.entries(query.params())) params.set(name, value);
        out.push(all ? "UNION ALL" : "UNION", query.sql());
    }
    return out;
}

P.select = (app, { aux = false, collection, columns, from, told = true, invalid = false }) => {
    const scope = { app, aux, collection, told, invalid };
    return new SelectQuery(new Builder(scope), scope, columns).from(from);
};

// -- on $app ------------------------------------------------------------------------------------------------------------

const own = (app, aux) => (app.isTransactional() ? P.builder(app, aux) : new DB({ app, aux, told: false }));

const ofModel = (app, model, aux) => {
    if (model === null || model === undefined) throw failure(NIL);
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
    db() { return P.builder(this); },
    concurrentDB() { return own(this, false); },
    nonconcurrentDB() { return own(this, false); },
    auxDB() { return P.builder(this, true); },
    auxConcurrentDB() { return own(this, true); },
    auxNonconcurrentDB() { return own(this, true); },

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
