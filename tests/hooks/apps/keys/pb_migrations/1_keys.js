/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const keys = new Collection({
        name: "api_keys",
        type: "base",
        listRule: "owner = @request.auth.id",
        viewRule: "owner = @request.auth.id",
        deleteRule: "owner = @request.auth.id",
        fields: [
            { name: "label", type: "text", required: true, min: 2, max: 30 },
            { name: "prefix", type: "text" },
            { name: "hash", type: "text", hidden: true },
            { name: "scopes", type: "select", values: ["read", "write", "admin"], maxSelect: 3 },
            { name: "owner", type: "relation", collectionId: "_pb_users_auth_", maxSelect: 1, cascadeDelete: true },
            { name: "uses", type: "number" },
            { name: "revoked", type: "bool" },
        ],
    })
    app.save(keys)

    app.save(new Collection({
        name: "nonces",
        type: "base",
        fields: [{ name: "nonce", type: "text", required: true }],
        indexes: ["CREATE UNIQUE INDEX idx_nonce ON nonces (nonce)"],
    }))
})
