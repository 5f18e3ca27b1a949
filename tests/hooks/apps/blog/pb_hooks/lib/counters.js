exports.recount = function (app, id) {
    if (!id) {
        return
    }
    const category = app.findRecordById("categories", id)
    const total = app.countRecords("articles", $dbx.and($dbx.hashExp({ category: id }), $dbx.not($dbx.exp("status = {:s}", { s: "draft" }))))
    if (category.getInt("articles") !== total) {
        category.set("articles", total)
        app.save(category)
    }
}
