/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const snapshot = [
        {
            "id": "pbc_products0001",
            "name": "products",
            "type": "base",
            "system": false,
            "listRule": "active = true",
            "viewRule": "active = true",
            "createRule": null,
            "updateRule": null,
            "deleteRule": null,
            "fields": [
                { "id": "text_prod_name", "name": "name", "type": "text", "required": true, "max": 80 },
                { "id": "text_prod_sku", "name": "sku", "type": "text", "required": true, "pattern": "^[A-Z]{2}-\\d{3}$" },
                { "id": "number_price", "name": "price", "type": "number", "required": true, "min": 0 },
                { "id": "number_stock", "name": "stock", "type": "number", "onlyInt": true, "min": 0 },
                { "id": "bool_active", "name": "active", "type": "bool" },
                { "id": "json_tiers", "name": "tiers", "type": "json" },
            ],
            "indexes": ["CREATE UNIQUE INDEX `idx_products_sku` ON `products` (`sku` COLLATE NOCASE)"],
        },
        {
            "id": "pbc_coupons00001",
            "name": "coupons",
            "type": "base",
            "listRule": null,
            "viewRule": null,
            "fields": [
                { "name": "code", "type": "text", "required": true, "min": 4 },
                { "name": "percent", "type": "number", "min": 0, "max": 100 },
                { "name": "amount", "type": "number", "min": 0 },
                { "name": "left", "type": "number", "onlyInt": true },
                { "name": "expires", "type": "date" },
            ],
            "indexes": ["CREATE UNIQUE INDEX idx_coupons_code ON coupons (code)"],
        },
        {
            "id": "pbc_orders000001",
            "name": "orders",
            "type": "base",
            "listRule": "customer = @request.auth.id",
            "viewRule": "customer = @request.auth.id",
            "createRule": "@request.auth.id != '' && @request.auth.collectionName = 'users'",
            "updateRule": null,
            "deleteRule": null,
            "fields": [
                { "name": "customer", "type": "relation", "collectionId": "_pb_users_auth_", "maxSelect": 1 },
                { "name": "number", "type": "text" },
                { "name": "key", "type": "text", "hidden": true },
                { "name": "lines", "type": "json", "required": true },
                { "name": "coupon", "type": "text" },
                { "name": "subtotal", "type": "number" },
                { "name": "discount", "type": "number" },
                { "name": "total", "type": "number" },
                { "name": "state", "type": "select", "values": ["open", "paid", "shipped", "cancelled"], "maxSelect": 1 },
                { "name": "created", "type": "autodate", "onCreate": true },
            ],
            "indexes": [
                "CREATE UNIQUE INDEX `idx_orders_number` ON `orders` (`number`)",
                "CREATE UNIQUE INDEX `idx_orders_key` ON `orders` (`customer`, `key`) WHERE `key` != ''",
            ],
        },
        {
            "id": "pbc_movements001",
            "name": "movements",
            "type": "base",
            "fields": [
                { "name": "product", "type": "relation", "collectionId": "pbc_products0001", "maxSelect": 1, "cascadeDelete": true },
                { "name": "order", "type": "relation", "collectionId": "pbc_orders000001", "maxSelect": 1 },
                { "name": "amount", "type": "number", "required": true },
                { "name": "why", "type": "select", "values": ["sale", "return", "delivery"], "maxSelect": 1 },
            ],
        },
    ]
    return app.importCollections(snapshot, false)
}, (app) => {
    for (const id of ["pbc_movements001", "pbc_orders000001", "pbc_coupons00001", "pbc_products0001"]) {
        app.delete(app.findCollectionByNameOrId(id))
    }
})
