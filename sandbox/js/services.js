// What is left of `$app`: tables and views, logs, and the members whose services this server does not have yet.

const { string, bool, int, date, map, struct } = P.kinds;

const TableInfoRow = P.struct({
    pk: int, index: int, name: string, type: string, notNull: bool,
    defaultValue: struct(P.struct({ string, valid: bool })),
});

const lacking = (member, service) => ({ [member]() { throw P.lacking(`$app.${member}`, service); } })[member];

const LACKING = {
    newMailClient: "mail",
    newFilesystem: "files",
    newBackupsFilesystem: "backups",
    createBackup: "backups",
    restoreBackup: "backups",
    findRecordByViewFile: "files",
};
// What belongs to the server's process, which is not a tenant's.
const REFUSED = [
    "bootstrap", "clearBootstrap", "resetBootstrapState", "restart", "start", "execute", "runSystemMigrations",
    "runAppMigrations", "runAllMigrations",
];
const MANY = "the server's process has many tenants";
// The typings leave them out; what is bound this way would be bound to the process that happens to run the script.
const BOUND = "bind the handler in a file of pb_hooks";

const members = {};
const refused = (member, why) => {
    members[member] = { [member]() { throw P.goError(`$app.${member} is not for scripts: ${why}`); } }[member];
};
for (const member of Object.keys(LACKING)) members[member] = lacking(member, LACKING[member]);
for (const member of REFUSED) refused(member, MANY);
for (const member of [...P.eventNames, "onServe"]) refused(member, `${BOUND}, with ${member}(…)`);
P.appMethods(members);

// Nothing but the log lies in the auxiliary database.
function aux(app, model, validated) {
    if (validated) app.validate(model);
    throw P.goError(`SQL logic error: no such table: ${model.tableName()} (1)`);
}

P.appMethods({
    auxSave(model) { aux(this, model, true); },
    auxSaveWithContext(context, model) { aux(this, model, true); },
    auxSaveNoValidate(model) { aux(this, model, false); },
    auxSaveNoValidateWithContext(context, model) { aux(this, model, false); },
    auxDelete(model) { if (!(model instanceof Log)) aux(this, model, false); P.host("log.delete", this.$n, model.id); },
    auxDeleteWithContext(context, model) { this.auxDelete(model); },
});

// Realtime connections: there are none as long as there is no such service.
const broker = Object.freeze({
    clients: () => ({}),
    chunkedClients: () => [],
    totalClients: () => 0,
    clientById(id) { throw P.goError(`no client associated with connection ID ${JSON.stringify(P.toText(id))}`); },
    register() { throw P.lacking("$app.subscriptionsBroker().register", "realtime"); },
    unregister() {},
});

P.appMethods({
    subscriptionsBroker() { return broker; },

    hasTable(name) { return P.host("table.has", this.$n, P.toText(name)); },
    auxHasTable(name) { return P.host("table.has.aux", this.$n, P.toText(name)); },
    tableColumns(name) { return P.host("table.info", this.$n, P.toText(name)).map((row) => row.name); },
    tableIndexes(name) { return P.host("table.indexes", this.$n, P.toText(name)); },
    deleteTable(name) { P.host("table.delete", this.$n, P.toText(name)); },
    deleteView(name) { P.host("view.delete", this.$n, P.toText(name)); },
    saveView(name, query) { P.host("view.save", this.$n, P.toText(name), P.toText(query)); },
    createViewFields(query) { return P.fieldsOf(P.host("view.fields", this.$n, P.toText(query))); },
    vacuum() { P.host("vacuum", this.$n); },
    auxVacuum() { P.host("vacuum.aux", this.$n); },

    tableInfo(name) {
        const text = P.toText(name);
        const rows = P.host("table.info", this.$n, text);
        if (rows.length === 0) throw P.goError(`empty table info probably due to invalid or missing table ${text}`);
        return rows.map((row) => P.adopt(new TableInfoRow(), row));
    },

    dryRunView(query, size) {
        const { name, fields, rows } = P.host("view.try", this.$n, P.toText(query), P.toInt(size));
        const view = P.collectionOf({ ...VIEW, id: `pbc_${P.crc32("view" + name)}`, name, fields }, true);
        const schema = P.values.schema(P.collectionWire(view).def);
        const sample = rows.map((row) => {
            const record = P.recordFrom(schema, row);
            P.recordState(record).collection = view;
            return record;
        });
        return { fields: P.fieldsOf(fields), sample };
    },

    findLogById(id) {
        const row = new G.DynamicModel({ id: "", created: "", data: "", message: "", level: 0 });
        this.logQuery().select("id", "created", "data", "message", "level").andWhere(G.$dbx.hashExp({ id: P.toText(id) })).limit(1).one(row);
        return P.adopt(new Log(), { ...row, data: JSON.parse(row.data || "{}") });
    },

    logsStats(expression) {
        const rows = G.arrayOf(new G.DynamicModel({ total: 0, date: "" }));
        const query = this.logQuery().select("count([[id]]) as total", "strftime('%Y-%m-%d %H:00:00', [[created]]) as date").groupBy("date");
        if (expression !== undefined && expression !== null) query.andWhere(expression);
        query.all(rows);
        return Array.from(rows, ({ total, date }) => P.adopt(new LogsStatsItem(), { date, total }));
    },

    deleteOldLogs(before) { P.host("log.prune", this.$n, P.dateText(before)); },
});

const VIEW = {
    listRule: null, viewRule: null, createRule: null, updateRule: null, deleteRule: null, type: "view", indexes: [],
    created: "", updated: "", system: false, viewQuery: "",
};

const Log = P.struct({ id: string, created: date, data: map, message: string, level: int }, {
    get baseModel() { return { id: this.id }; },
    tableName() { return "_logs"; },
    pk() { return this.id; },
    lastSavedPK() { return this.id; },
    isNew() { return false; },
});
const LogsStatsItem = P.struct({ date, total: int });
