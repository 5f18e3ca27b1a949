exports.move = function (app, product, order, amount, why) {
    const movements = app.findCachedCollectionByNameOrId("movements")
    const movement = new Record(movements)
    movement.set("product", product.id)
    movement.set("order", order)
    movement.set("amount", amount)
    movement.set("why", why)
    app.save(movement)

    product.set("stock+", amount)
    app.save(product)
}
