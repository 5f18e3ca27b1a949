// What rows of a query are put into.
//
//   P.destination(target, collection?)   how `target` takes them, or undefined for what takes none. It has some of
//       row(columns, row)                a model: one row
//       list, add(columns, row), push(value)   a list of arrayOf: one more model, or one more scalar
//       set(value)                       a pointer to a scalar (nullString() and the like)
//     With a `collection`, whole rows of which are read, a Record becomes one of them.
//   P.scanRow(columns, row, targets)     as Go's Rows.Scan
//   P.scanEach(columns, row, take)       take(value, at) for each column; its faults get the column's name

const { defineProperty } = Object;
const { isArray } = Array;
const { GoError } = G;

// A fault of a column's value as the error that it is; any other error as it is.
function told(error, at, name) {
    if (!(error instanceof P.ScanFault)) return error;
    return P.goError(`sql: Scan error on column index ${at}, name ${P.goQuote(name)}: ${error.message}`);
}

P.scanOne = (name, value, take) => {
    try {
        take(value);
    } catch (error) {
        throw told(error, 0, name);
    }
};

P.scanEach = (columns, row, take) => {
    let at = 0;
    try {
        for (; at < columns.length; at++) take(row[at], at);
    } catch (error) {
        throw told(error, at, columns[at]);
    }
};

const cannot = (value, type) => {
    throw new P.ScanFault(`unsupported Scan, storing driver.Value type ${P.driverType(value)} into type *${type}`);
};

P.scanRow = (columns, row, targets) => {
    if (targets.length !== columns.length) {
        throw P.goError(`sql: expected ${columns.length} destination arguments in Scan, not ${targets.length}`);
    }
    P.scanEach(columns, row, (value, at) => {
        const found = P.destination(targets[at]);
        if (found?.set !== undefined) found.set(value);
        else if (found === undefined) throw new P.ScanFault("destination not a pointer");
        else cannot(value, found.type());
    });
};

// -- pointers -----------------------------------------------------------------------------------------------------------

// The object that nullString() made stays the same: what it is as a primitive is what was read.
function point(target, value) {
    const shown = (result) => ({ value: () => result, writable: true, configurable: true, enumerable: false });
    defineProperty(target, "toString", shown(String(value)));
    defineProperty(target, "valueOf", shown(value));
    defineProperty(target, "toJSON", shown(value));
}

function pointer(target, type) {
    return {
        set(value) {
            const read = P.scanned(value, type);
            if (typeof read === "object") target.scan(read);
            else point(target, read);
        },
        type: () => type,
    };
}

// -- models -------------------------------------------------------------------------------------------------------------

const GO_TYPES = { string: "string", int: "int64", float: "float64", bool: "bool", array: "types.JSONArray[interface {}]", object: "types.JSONMap[interface {}]" };

function structType(columns) {
    const members = columns.map(({ key, type, nullable }) =>
        `${key[0].toUpperCase()}${key.slice(1)} ${nullable ? "*" : ""}${GO_TYPES[type]} "db:\\"${key}\\" json:\\"${key}\\" form:\\"${key}\\""`);
    return `struct { ${members.join("; ")} }`;
}

function fill(dynamic, columns, row) {
    const members = dynamic.columns;
    P.scanEach(columns, row, (value, at) => {
        const name = columns[at];
        for (const { key, type, nullable } of members) {
            if (key === name) {
                dynamic.set(key, nullable && value === null ? null : P.scanned(value, type));
                return;
            }
        }
    });
}

// A row's values by the positions of a schema's fields; what is no field's is left out.
function placed(schema, columns, row) {
    const { fields } = schema;
    const values = new Array(fields.length).fill(null);
    for (let at = 0; at < columns.length; at++) {
        const position = schema.at.get(columns[at]);
        if (position !== undefined) values[position] = typeof row[at] === "object" ? P.plainValue(row[at]) : row[at];
    }
    for (let at = 0; at < values.length; at++) values[at] ??= P.values.zero(fields[at]);
    return values;
}

// Where the rows are not known to be the collection's, only the id is the record's.
function loose(record, columns, row) {
    const state = P.recordState(record);
    if (!state.schema.id) throw P.goError("runtime error: invalid memory address or nil pointer dereference");
    const at = columns.indexOf("id");
    if (at >= 0) record.id = P.scanned(row[at], "string");
    record.markAsNotNew();
    state.o = state.d;
}

function collectionById(id) {
    try {
        return P.host("collection.find", P.appNumber(), id);
    } catch (error) {
        if (error instanceof GoError) return null;      // the rows were not those of collections
        throw error;
    }
}

function collectionRow(target, columns, row) {
    const at = columns.indexOf("id");
    if (at >= 0) {
        const found = collectionById(P.scanned(row[at], "string"));
        if (found !== null) P.collectionTold(target, found);
        return;
    }
    for (const name of ["name", "type"]) {
        if (columns.includes(name)) target[name] = P.scanned(row[columns.indexOf(name)], "string");
    }
}

// -- all of them --------------------------------------------------------------------------------------------------------

function listOf(list, collection) {
    const sample = P.arrayModel(list);
    if (sample === undefined) return undefined;
    const found = { list: true, push: (value) => cannot(value, found.type()), type: () => "struct {}" };
    const scalar = (type) => { found.push = (value) => { list.push(P.scanned(value, type)); }; };
    switch (typeof sample) {
        case "string": scalar("string"); return found;
        case "number": scalar(P.isInteger(sample) ? "int" : "float"); return found;
        case "boolean": scalar("bool"); return found;
    }
    if (sample === null || typeof sample !== "object") return found;
    const dynamic = P.dynamic(sample);
    if (dynamic !== undefined) {
        found.type = () => structType(dynamic.columns);
        found.add = (columns, row) => {
            const made = dynamic.fresh();
            fill(P.dynamic(made), columns, row);
            list.push(made);
        };
    } else if (P.isRecord(sample)) {
        found.type = () => "core.Record";
        found.add = (columns, row) => {
            if (collection === undefined) {
                const record = new G.Record(sample.collection());
                loose(record, columns, row);
                list.push(record);
            } else {
                const schema = P.schemaOf(collection.id);
                list.push(P.recordFrom(schema, placed(schema, columns, row)));
            }
        };
    } else if (P.isCollection(sample)) {
        found.type = () => "core.Collection";
        found.add = (columns, row) => {
            const made = new G.Collection();
            collectionRow(made, columns, row);
            list.push(made);
        };
    } else if (P.placeholderType(sample) !== undefined) {
        scalar(P.placeholderType(sample) + "?");
    } else {
        found.type = () => (isArray(sample) ? "[]interface {}" : "map[string]interface {}");
    }
    return found;
}

P.destination = (target, collection) => {
    if (target === null || typeof target !== "object") return undefined;
    const dynamic = P.dynamic(target);
    if (dynamic !== undefined) return { row: (columns, row) => fill(dynamic, columns, row), type: () => structType(dynamic.columns) };
    if (P.isRecord(target)) {
        return {
            row(columns, row) {
                if (collection === undefined) loose(target, columns, row);
                else P.loadRow(target, collection.id, placed(P.schemaOf(collection.id), columns, row));
            },
            type: () => "core.Record",
        };
    }
    if (P.isCollection(target)) return { row: (columns, row) => collectionRow(target, columns, row), type: () => "core.Collection" };
    const type = P.placeholderType(target);
    if (type !== undefined) return pointer(target, type);
    if (isArray(target) && !P.isGo(target)) return listOf(target, collection);
    if (typeof target.scan === "function") return { set: (value) => target.scan(P.plainValue(value)), type: () => "struct {}" };
    return undefined;
};
