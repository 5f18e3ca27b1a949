const RANK = { guest: 1, editor: 2, owner: 3 }

exports.seatOf = (app, workspace, user) => {
    if (!user) return null
    try {
        return app.findFirstRecordByFilter("seats", "workspace = {:w} && user = {:u}", { w: workspace, u: user.id })
    } catch (err) {
        return null
    }
}

exports.demand = (app, workspace, user, role) => {
    if (user?.isSuperuser()) return
    const seat = exports.seatOf(app, workspace, user)
    if (!seat) {
        throw new NotFoundError()
    }
    if (RANK[seat.getString("role")] < RANK[role]) {
        throw new ForbiddenError(`That takes a seat as ${role}.`)
    }
}

exports.owners = (app, workspace) =>
    app.countRecords("seats", $dbx.exp("workspace = {:w} AND role = 'owner'", { w: workspace }))
