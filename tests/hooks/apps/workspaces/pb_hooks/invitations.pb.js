/// <reference path="../pb_data/types.d.ts" />

onRecordCreateRequest((e) => {
    const { demand, seatOf } = require(`${__hooks}/lib/roles.js`)
    demand(e.app, e.record.get("workspace"), e.auth, "owner")
    const email = e.record.getString("email").toLowerCase()
    e.record.set("email", email)
    try {
        const user = e.app.findAuthRecordByEmail("users", email)
        if (seatOf(e.app, e.record.get("workspace"), user)) {
            throw new ApiError(409, "They have a seat already.")
        }
    } catch (err) {
        if (err instanceof ApiError) throw err
    }
    e.record.set("by", e.auth.id)
    e.record.set("code", $security.sha256(email + e.record.get("workspace")).slice(0, 20))
    e.record.set("accepted", "")
    e.next()
}, "invitations")

routerAdd("POST", "/join/{code}", (e) => {
    const code = e.request.pathValue("code")
    const invitation = $app.findFirstRecordByFilter("invitations", "code = {:code} && accepted = ''", { code })
    if (invitation.get("email") !== e.auth.email()) {
        throw new ForbiddenError("The invitation is for somebody else.", { email: invitation.get("email") })
    }
    let seat
    $app.runInTransaction((tx) => {
        seat = new Record(tx.findCollectionByNameOrId("seats"))
        seat.load({ workspace: invitation.get("workspace"), user: e.auth.id, role: invitation.get("role") || "guest" })
        tx.save(seat)
        invitation.set("accepted", new DateTime())
        tx.save(invitation)
        if (e.request.url.query().get("fail")) {
            throw new Error("changed my mind")
        }
    })
    $app.expandRecord(seat, ["workspace"])
    return e.json(200, { seat: seat.id, role: seat.get("role"), name: seat.expandedOne("workspace").get("name") })
}, $apis.requireAuth("users"))

routerAdd("GET", "/workspaces/mine", (e) => {
    const seats = $app.findRecordsByFilter("seats", "user = {:me}", "workspace.name", 0, 0, { me: e.auth.id })
    const failed = $app.expandRecords(seats, ["workspace", "nope"], null)
    const out = seats.map((seat) => ({
        role: seat.get("role"),
        ...seat.expandedOne("workspace").publicExport(),
        documents: $app.countRecords("documents", $dbx.hashExp({ workspace: seat.get("workspace") })),
    }))
    return e.json(200, { failed: Object.keys(failed), out })
}, $apis.requireAuth("users"))

routerAdd("GET", "/can/{collection}/{id}", (e) => {
    const info = e.requestInfo()
    const record = $app.findRecordById(e.request.pathValue("collection"), e.request.pathValue("id"))
    const collection = record.collection()
    const out = {}
    for (const rule of ["listRule", "viewRule", "updateRule", "deleteRule"]) {
        out[rule] = $app.canAccessRecord(record, info, collection[rule])
    }
    return e.json(200, out)
})
