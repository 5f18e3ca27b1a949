/// <reference path="../pb_data/types.d.ts" />

// What a handler throws, in every way there is, and at every step of a change.
onRecordCreate((e) => {
    const mode = e.record.getString("mode")
    const throwing = {
        api: () => { throw new ApiError(451, "for legal reasons", { owner: new ValidationError("legal", "no") }) },
        bad: () => { throw new BadRequestError("bad!", { owner: "text", nested: { deep: new ValidationError("d", "m") } }) },
        unauthorized: () => { throw new UnauthorizedError() },
        internal: () => { throw new InternalServerError("inside", { a: 1 }) },
        many: () => { throw new TooManyRequestsError("slow down") },
        error: () => { throw new Error("a plain error") },
        type: () => e.record.nope.nope,
        reference: () => undefinedName,
        string: () => { throw "just a text" },
        number: () => { throw 42 },
        object: () => { throw { status: 418, message: "an object" } },
        nothing: () => { throw undefined },
        validation: () => { throw new ValidationError("the_code", "the message") },
        go: () => e.app.findRecordById("accounts", "nope"),
        save: () => e.app.save(new Record(e.app.findCollectionByNameOrId("accounts"), { balance: -1 })),
        sql: () => e.app.db().newQuery("SELEC").execute(),
        finally: () => { try { throw new Error("inner") } finally { e.record.set("mode", "finally ran") } },
        caught: () => { try { e.app.findRecordById("accounts", "nope") } catch (err) { throw new BadRequestError("caught", err) } },
        wrapped: () => { try { null.x } catch (err) { throw new Error("wrapped", { cause: err }) } },
    }
    if (throwing[mode]) {
        throwing[mode]()
    }
    if (mode !== "swallowed") {
        return e.next()
    }
}, "accounts")

onRecordCreateExecute((e) => {
    e.next()
    if (e.record.get("mode") === "late") {
        throw new Error("after it was written")
    }
}, "accounts")

onRecordAfterCreateSuccess((e) => {
    e.next()
    if (e.record.get("mode") === "after") {
        throw new BadRequestError("after it was all done")
    }
}, "accounts")

onRecordAfterCreateError((e) => {
    e.app.store().set("error", String(e.error).split("\n")[0].replace("Cannot", "cannot"))
    if (e.record.get("mode").startsWith("again")) {
        throw new ApiError(409, "and once more")
    }
    return e.next()
}, "accounts")

onRecordValidate((e) => {
    if (e.record.get("mode") === "again") {
        throw new BadRequestError("first")
    }
    if (e.record.get("mode") === "again, plain") {
        throw new Error("first, plain")
    }
    if (e.record.get("mode") === "again, fields") {
        throw new ValidationError("code", "first, a field's")
    }
    return e.next()
}, "accounts")

routerAdd("GET", "/faults/error", (e) => e.json(200, { error: $app.store().get("error") ?? null }))
