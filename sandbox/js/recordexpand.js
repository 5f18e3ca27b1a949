// Expanding relations of records that scripts hold: a tree of names, each node of it one look for all records at its place.
//
// As in the real one a path that leads nowhere is told of, by the path, and hinders no other; what is below a node that
// fails is not set. Who passes a function of its own fetches the related records with it.

const { isArray } = Array;
const state = P.recordState;
const LEVELS_MAX = 6;
const BACK = /^(\w+)_via_(\w+)$|^(\w+)\((\w+)\)$/;

function expandAll(app, records, paths, fetch) {
    const failed = {};
    const names = unique(paths.map((path) => P.goText(path).trim())).filter((name) => name !== "");
    for (const name of names) {
        // a longer path expands this one, too
        if (names.some((other) => other.startsWith(name + "."))) continue;
        try {
            expandPath(app, records, name, fetch, 1);
        } catch (x) {
            // not wrapped in a GoError: it was returned, not thrown
            failed[name] = P.goError(String(x?.message ?? x)).value;
        }
    }
    return failed;
}

const quoted = (text) => JSON.stringify(text);

function expandPath(app, records, path, fetch, level) {
    if (level > LEVELS_MAX) throw P.goError(`max nested expand levels reached on path ${quoted(path)}`);
    if (records.length === 0) return;
    const [name, ...rest] = path.split(".");
    const { schema } = state(records[0]);
    const node = relationOf(app, schema, name);
    const look = (ids) => fetched(app, fetch, node.collection, ids);
    const found = node.back === undefined ? forward(records, node, look) : backward(app, records, node, look);
    if (rest.length > 0 && found.related.length > 0) expandPath(app, found.related, rest.join("."), fetch, level + 1);
    for (const record of records) {
        const own = found.of(record);
        // the ids that a back relation has led to are on the record, as what is no field's
        const ids = found.ids?.(record) ?? [];
        if (ids.length > 0) record.setRaw(name, ids);
        P.mergeExpand(record, own.length === 0 ? {} : { [name]: node.multiple ? P.relatedList(own) : own[0] });
    }
}

// What a name stands for: a relation field of the records' collection, or a relation of others to them.
function relationOf(app, schema, name) {
    const told = P.host("records.relation", app.$n, schema.id, name);
    if (told.error !== undefined) throw P.goError(told.error);
    return { name, ...told };
}

function fetched(app, fetch, collectionId, ids) {
    if (ids.length === 0) return [];
    if (fetch === null || fetch === undefined) return P.recordsIn(P.host("records.findAll", app.$n, collectionId, ids));
    const result = P.settle(fetch(P.collection(collectionId), ids));
    return isArray(result) ? result.filter(P.isRecord) : [];
}

const unique = (values) => [...new Set(values)];
const byIdOf = (records) => new Map(records.map((record) => [record.id, record]));
const those = (byId, ids) => ids.map((id) => byId.get(id)).filter((record) => record !== undefined);

// Each answers the related records, and which of them are those of one record.
function forward(records, node, look) {
    const idsOf = (record) => record.getStringSlice(node.name);
    const related = look(unique(records.flatMap(idsOf)));
    const byId = byIdOf(related);
    return { related, of: (record) => those(byId, idsOf(record)) };
}

function backward(app, records, node, look) {
    const pairs = P.host("records.referring", app.$n, node.collection, node.back, records.map((record) => record.id));
    const related = look(unique(pairs.map(([, id]) => id)));
    const byId = byIdOf(related);
    const idsOf = ({ id }) => pairs.filter(([parent]) => parent === id).map(([, child]) => child);
    return { related, of: (record) => those(byId, idsOf(record)), ids: idsOf };
}

const needsRecord = (record) => {
    if (P.isRecord(record)) return record;
    throw new TypeError(`could not convert function call parameter 0: could not convert ${String(record)} to *core.Record`);
};

function pathsOf(expands) {
    if (isArray(expands)) return expands;
    if (expands === null || expands === undefined) return [];
    throw new TypeError(`could not convert function call parameter 1: could not convert ${String(expands)} to []string`);
}

P.appMethods({
    expandRecord(record, expands, optFetchFunc) {
        return expandAll(this, [needsRecord(record)], pathsOf(expands), optFetchFunc);
    },

    expandRecords(records, expands, optFetchFunc) {
        const list = isArray(records) ? records : [];
        return expandAll(this, list.map(needsRecord), pathsOf(expands), optFetchFunc);
    },
});
