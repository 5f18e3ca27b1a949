/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const accounts = new Collection({
        name: "accounts", type: "base", listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "",
        fields: [
            { name: "owner", type: "text", required: true, max: 20 },
            { name: "balance", type: "number", min: 0 },
            { name: "mode", type: "text" },
        ],
        indexes: ["CREATE UNIQUE INDEX idx_accounts_owner ON accounts (owner)"],
    })
    app.save(accounts)
    for (const [id, owner, balance] of [["a", "ann", 100], ["b", "bob", 20]]) {
        app.save(new Record(accounts, { id: id.repeat(15), owner, balance }))
    }
})
