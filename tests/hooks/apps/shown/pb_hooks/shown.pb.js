// What records look like to others is the scripts' to say, and what they change on an event's record is stored.

onRecordEnrich((e) => {
    e.record.hide("contact", "created", "updated")
    e.record.withCustomData(true)
    e.record.set("words", e.record.getString("title").split(" ").length)
    e.record.set("of", { list: [1, "x"], day: e.record.getDateTime("due") })
    if (e.record.getBool("published")) e.record.unhide("internal")
    return e.next()
}, "posts")

onRecordEnrich((e) => {
    if (e.record.id.startsWith("user1")) e.record.ignoreEmailVisibility(true)
    return e.next()
}, "users")

onRecordViewRequest((e) => {
    const failed = e.app.expandRecord(e.record, ["author", "tags", "nothing"], null)
    e.record.withCustomData(true).set("failed", Object.keys(failed))
    const author = e.record.expandedOne("author")
    if (author) author.withCustomData(true).set("mine", true)
    return e.next()
}, "posts")

onRecordCreate((e) => {
    e.record.set("title", e.record.getString("title") + "!")
    e.record.set("labels+", "red")
    e.record.set("meta", { from: "hook", n: [1.50, 2] })
    e.next()
    e.record.set("rating", 77) // after the fact: shown, not stored
}, "posts")

onRecordUpdate((e) => {
    const before = e.record.original()
    e.record.set("internal", `${before.getString("title")} > ${e.record.getString("title")}`)
    e.record.set("rating+", 1)
    return e.next()
}, "posts")

onRecordAfterUpdateSuccess((e) => {
    const note = new Record(e.app.findCollectionByNameOrId("private"))
    note.set("title", e.record.original().getString("title") + " -> " + e.record.getString("title"))
    note.set("n", e.record.getInt("rating"))
    e.app.save(note)
    return e.next()
}, "posts")

onRecordValidate((e) => {
    if (e.record.getString("title").includes("bad")) {
        throw new BadRequestError("No bad titles", { title: new ValidationError("no_bad", "is bad") })
    }
    return e.next()
}, "posts")
