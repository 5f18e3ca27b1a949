// `$dbx`: expressions of a query's conditions, and how the builder quotes names.
//
//   P.isExpression(x)             whether x is one
//   P.sqlOf(x, params)            its SQL; what it compares with is put into `params`, a Map of the names in `{:name}`
//   P.andOf(a, b) / P.orOf(a, b)  as $dbx.and / $dbx.or of two
//   P.asExpression(x, at)         x, or null; a TypeError with Go's words for anything else
//   P.quoteTable(name) / P.quoteColumn(name)   `a.b` as `a`.`b`; what has brackets is left alone
//   P.asParams(x, at)             an object of names and values
//   P.compiled({sql, params})     {sql, values}: with `?` for each `{:name}`, {{tables}} and [[columns]] quoted
//
// An expression also has `$sql()` → {sql, params}, for who passes it to the host.

const { defineProperty, defineProperties, keys } = Object;
const { isArray } = Array;
const NIL = "runtime error: invalid memory address or nil pointer dereference";
const ESCAPED = ["\\", "\\\\", "%", "\\%", "_", "\\_"];
const PLACE = /\{:(\w+)\}|\{\{([\w\-. ]+)\}\}|\[\[([\w\-. ]+)\]\]/g;

const makers = new WeakMap();

P.isExpression = (x) => x !== null && typeof x === "object" && makers.has(x);

P.sqlOf = (x, params) => (x === null ? "" : makers.get(x)(params));

P.asExpression = (x, at = 0) => {
    if (x === null || x === undefined) return null;
    if (makers.has(Object(x))) return x;
    throw new TypeError(`could not convert function call parameter ${at}: could not convert ${String(x)} to dbx.Expression`);
};

P.asParams = (x, at = 0, type = "dbx.Params") => {
    if (x === null || x === undefined) return {};
    if (typeof x === "object") return x;
    throw new TypeError(`could not convert function call parameter ${at}: could not convert ${String(x)} to ${type}`);
};

// -- names --------------------------------------------------------------------------------------------------------------

const simpleTable = (name) => (name.includes("`") ? name : "`" + name + "`");
const simpleColumn = (name) => (name === "*" || name.includes("`") ? name : "`" + name + "`");
P.quoteSimpleTable = simpleTable;
P.quoteSimpleColumn = simpleColumn;

P.quoteTable = (name) => {
    if (name.includes("(") || name.includes("{{")) return name;
    return name.includes(".") ? name.split(".").map(simpleTable).join(".") : simpleTable(name);
};

P.quoteColumn = (name) => {
    if (name.includes("(") || name.includes("{{") || name.includes("[[")) return name;
    const at = name.lastIndexOf(".");
    return at < 0 ? simpleColumn(name) : P.quoteTable(name.slice(0, at)) + "." + simpleColumn(name.slice(at + 1));
};

// A function of a text that remembers what it made of the last ones.
P.remembered = (make, kept = 256) => {
    const known = new Map();
    return (text) => {
        let made = known.get(text);
        if (made === undefined) {
            if (known.size >= kept) known.clear();
            known.set(text, (made = make(text)));
        }
        return made;
    };
};

const quoted = P.remembered((sql) => {
    const names = [];
    const text = sql.replace(PLACE, (_, name, table, column) => {
        if (table !== undefined) return P.quoteTable(table);
        if (column !== undefined) return P.quoteColumn(column);
        names.push(name);
        return "?";
    });
    return { text, names };
});

P.compiled = ({ sql, params }) => {
    const { text, names } = quoted(sql);
    const values = [];
    for (const name of names) {
        if (!params.has(name)) throw P.goError("Named parameter not found: " + name);
        values.push(params.get(name));
    }
    return { sql: text, values };
};

// -- expressions --------------------------------------------------------------------------------------------------------

function place(params, value) {
    const name = "p" + params.size;
    params.set(name, value);
    return `{:${name}}`;
}

function bare(params) {
    const out = {};
    for (const [name, value] of params) defineProperty(out, name, { value, writable: true, enumerable: true, configurable: true });
    return out;
}
P.bareParams = bare;

class Expression {
    $sql() {
        const params = new Map();
        const sql = makers.get(this)(params);
        return { sql, params: bare(params) };
    }
}
defineProperty(Expression.prototype, "$sql", { enumerable: false });

function build() {
    return makers.get(this)(new Map());
}

function expression(make, Kind = Expression) {
    const made = new Kind();
    made.build = build;
    makers.set(made, make);
    return made;
}

const joined = (parts, operator) => (params) => {
    const texts = [];
    for (const part of parts) {
        const text = part === null ? "" : P.sqlOf(part, params);
        if (text !== "") texts.push(text);
    }
    return texts.length < 2 ? texts.join("") : `(${texts.join(`) ${operator} (`)})`;
};
P.andOf = (a, b) => expression(joined([a, b], "AND"));
P.orOf = (a, b) => expression(joined([a, b], "OR"));

const exact = (sql, params) => expression((into) => {
    for (const name of keys(params)) into.set(name, params[name]);
    return sql;
});

function oneOf(column, values, not, params) {
    if (values.length === 0) return not ? "" : "0=1";
    const name = P.quoteColumn(column);
    const parts = values.map((value) => {
        if (value === null || value === undefined) return "NULL";
        return P.isExpression(value) ? P.sqlOf(value, params) : place(params, value);
    });
    if (parts.length === 1) return name + (not ? "<>" : "=") + parts[0];
    return `${name} ${not ? "NOT IN" : "IN"} (${parts.join(", ")})`;
}

const hashed = (pairs) => (params) => {
    const parts = [];
    for (const name of keys(pairs).sort()) {
        const value = pairs[name];
        if (value === null || value === undefined) {
            parts.push(P.quoteColumn(name) + " IS NULL");
        } else if (P.isExpression(value)) {
            const text = P.sqlOf(value, params);
            if (text !== "") parts.push(`(${text})`);
        } else if (isArray(value) && !P.isMarked(value) && !(value instanceof P.JSONRaw)) {
            const text = oneOf(name, value, false, params);
            if (text !== "") parts.push(text);
        } else {
            parts.push(`${P.quoteColumn(name)}=${place(params, value)}`);
        }
    }
    return parts.join(" AND ");
};

class LikeExp extends Expression {
    #escapes = ESCAPED;
    #left = true;
    #right = true;

    escape(...pairs) {
        if (pairs.length % 2 !== 0) throw P.goError("A string must be specified together with its escaped form");
        this.#escapes = pairs.map(P.goText);
        return this;
    }

    match(left, right) {
        this.#left = Boolean(left);
        this.#right = Boolean(right);
        return this;
    }

    static text(like, value) {
        let text = value;
        for (let at = 0; at < like.#escapes.length; at += 2) text = text.replaceAll(like.#escapes[at], () => like.#escapes[at + 1]);
        return (like.#left ? "%" : "") + text + (like.#right ? "%" : "");
    }
}
const likeText = LikeExp.text;
delete LikeExp.text;

function like(operator, joint, column, values) {
    const name = P.goText(column);
    const texts = values.map(P.goText);
    const made = expression((params) => texts.map((value) => {
        return `${P.quoteColumn(name)} ${made.like} ${place(params, likeText(made, value))}`;
    }).join(` ${joint} `), LikeExp);
    made.like = operator;
    return made;
}

const inner = (exp, make) => {
    const of = P.asExpression(exp);
    return expression((params) => {
        if (of === null) throw P.goError(NIL);
        return make(P.sqlOf(of, params));
    });
};

const range = (column, from, to, operator) => {
    const name = P.goText(column);
    return expression((params) => {
        const first = place(params, from);
        return `${P.quoteColumn(name)} ${operator} ${first} AND ${place(params, to)}`;
    });
};

const all = (exps) => exps.map((each, at) => P.asExpression(each, at));

G.$dbx = {
    exp(sql, ...params) {
        return exact(P.goText(sql), params.length > 0 ? P.asParams(params[0], 1) : {});
    },
    hashExp(pairs) {
        return pairs === null || pairs === undefined ? null : expression(hashed(P.asParams(pairs, 0, "map[string]interface {}")));
    },
    not: (exp) => inner(exp, (sql) => (sql === "" ? "" : `NOT (${sql})`)),
    and: (...exps) => expression(joined(all(exps), "AND")),
    or: (...exps) => expression(joined(all(exps), "OR")),
    in(column, ...values) {
        return expression((params) => oneOf(P.goText(column), values, false, params));
    },
    notIn(column, ...values) {
        return expression((params) => oneOf(P.goText(column), values, true, params));
    },
    like: (column, ...values) => like("LIKE", "AND", column, values),
    orLike: (column, ...values) => like("LIKE", "OR", column, values),
    notLike: (column, ...values) => like("NOT LIKE", "AND", column, values),
    orNotLike: (column, ...values) => like("NOT LIKE", "OR", column, values),
    exists: (exp) => inner(exp, (sql) => (sql === "" ? "0=1" : `EXISTS (${sql})`)),
    notExists: (exp) => inner(exp, (sql) => (sql === "" ? "" : `NOT EXISTS (${sql})`)),
    between: (column, from, to) => range(column, from, to, "BETWEEN"),
    notBetween: (column, from, to) => range(column, from, to, "NOT BETWEEN"),
};

// An expression of the prelude's own: `sql` with `{:name}` places, and their values.
P.exp = exact;
