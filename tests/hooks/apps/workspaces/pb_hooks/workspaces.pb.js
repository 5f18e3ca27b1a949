/// <reference path="../pb_data/types.d.ts" />

// Who makes a workspace owns it.
onRecordCreateRequest((e) => {
    const name = e.record.getString("name")
    e.record.set("slug", name.toLowerCase().trim().replace(/\W+/g, "-"))
    e.record.setIfFieldExists("quota", 100)
    e.record.setIfFieldExists("plan", "free")
    e.app.runInTransaction((tx) => {
        const app = e.app
        e.app = tx
        e.next()
        e.app = app
        if (e.auth?.collection().name === "users") {
            const seat = new Record(tx.findCollectionByNameOrId("seats"))
            seat.set("workspace", e.record.id)
            seat.set("user", e.auth.id)
            seat.set("role", "owner")
            tx.save(seat)
        }
    })
}, "workspaces")

onRecordUpdateRequest((e) => {
    const { demand } = require(`${__hooks}/lib/roles.js`)
    const workspace = e.record.get("workspace")
    demand(e.app, e.record.original().get("workspace"), e.auth, "editor")
    if (workspace !== e.record.original().get("workspace")) {
        demand(e.app, workspace, e.auth, "owner")
    }
    if (e.record.original().getBool("locked") && !e.hasSuperuserAuth()) {
        demand(e.app, workspace, e.auth, "owner")
    }
    e.next()
}, "documents")

onRecordCreateRequest((e) => {
    const { demand } = require(`${__hooks}/lib/roles.js`)
    demand(e.app, e.record.get("workspace"), e.auth, "editor")
    e.next()
}, "documents")

// The quota holds for the sum of all documents, whoever writes them.
onRecordValidate((e) => {
    e.next()
    const workspace = e.app.findRecordById("workspaces", e.record.getString("workspace"))
    const sum = new DynamicModel({ total: 0 })
    e.app.db()
        .select("COALESCE(SUM(size), 0) as total")
        .from("documents")
        .where($dbx.hashExp({ workspace: workspace.id }))
        .andWhere($dbx.not($dbx.hashExp({ id: e.record.id })))
        .one(sum)
    const total = sum.total + e.record.getInt("size")
    if (total > workspace.getInt("quota")) {
        throw new BadRequestError("Quota exceeded.", {
            size: new ValidationError("quota", `There is room for ${workspace.getInt("quota") - sum.total}.`),
        })
    }
}, "documents")

onRecordUpdateRequest((e) => {
    const { demand, owners } = require(`${__hooks}/lib/roles.js`)
    const workspace = e.record.original().get("workspace")
    demand(e.app, workspace, e.auth, "owner")
    const wasOwner = e.record.original().get("role") === "owner"
    if (wasOwner && e.record.get("role") !== "owner" && owners(e.app, workspace) === 1) {
        throw new BadRequestError("A workspace has an owner.")
    }
    if (e.record.get("workspace") !== workspace) {
        throw new BadRequestError("Seats don't move.", { workspace: new ValidationError("fixed", "It is fixed.") })
    }
    e.next()
}, "seats")

onRecordDelete((e) => {
    const { owners } = require(`${__hooks}/lib/roles.js`)
    const workspace = e.record.get("workspace")
    let gone = false
    try {
        e.app.findRecordById("workspaces", workspace)
    } catch {
        gone = true
    }
    if (!gone && e.record.get("role") === "owner" && owners(e.app, workspace) === 1) {
        const others = e.app.countRecords("seats", $dbx.hashExp({ workspace }))
        if (others > 1) {
            throw new BadRequestError("The last owner stays as long as there are others.")
        }
    }
    e.next()
    if (!gone && e.app.countRecords("seats", $dbx.hashExp({ workspace })) === 0) {
        e.app.delete(e.app.findRecordById("workspaces", workspace))
    }
}, "seats")
