// Queries: what `$app.db()` and its kin answer, and what is done with rows (select.js has SELECT).
//
//   P.builder(app, aux)               the database of an App (`aux`: the auxiliary one)
//   app.db() concurrentDB() nonconcurrentDB() auxDB() auxConcurrentDB() auxNonconcurrentDB()
//
// Nothing is asked of the host before rows are wanted. What they are put into is destinations.js's.

const { defineProperty } = Object;
const { isArray } = Array;
const { GoError } = G;
const NO_ROWS = "sql: no rows in result set";
const NIL = "runtime error: invalid memory address or nil pointer dereference";
const ROWS = 0;
const EXECUTE = 1;
const COLUMNS = 2;

const text = (value) => P.goText(value);
const texts = (values) => values.map(text);
const failure = (message) => P.goError(message);
const wrongTarget = (message) => {
    const whole = "Invalid variable type: " + message;
    return P.goError(whole, whole);
};

// -- a query ------------------------------------------------------------------------------------------------------------

class Query {
    #scope;
    #sql;
    #params;
    #prepared = null;

    constructor(scope, sql, params, refused) {
        this.#scope = scope;
        this.#sql = sql;
        this.#params = params ?? new Map();
        // the error of what this kind of database has no SQL for
        this.lastError = refused === undefined ? null : failure(refused);
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
        for (let at = 0; at < values.length; at++) values[at] = P.param(values[at], at + 1);
        return { sql, values };
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
    const [name] = columns;
    for (const row of rows) P.scanOne(name, row[0], found.push);
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
    select(...columns) { return P.selection(this, this.#scope, columns); }
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

P.builderOf = (scope) => new Builder(scope);
P.builder = (app, aux = false) => new Builder({ app, aux, told: false });

// -- on $app ------------------------------------------------------------------------------------------------------------

const own = (app, aux) => (app.isTransactional() ? P.builder(app, aux) : new DB({ app, aux, told: false }));

P.appMethods({
    db() { return P.builder(this); },
    concurrentDB() { return own(this, false); },
    nonconcurrentDB() { return own(this, false); },
    auxDB() { return P.builder(this, true); },
    auxConcurrentDB() { return own(this, true); },
    auxNonconcurrentDB() { return own(this, true); },
});
