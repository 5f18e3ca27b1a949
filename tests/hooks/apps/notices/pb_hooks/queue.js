const MOST = 3

module.exports = {
    queue(app, recipient, kind, payload, key) {
        const notice = new Record(app.findCachedCollectionByNameOrId("notices"))
        notice.load({ recipient, kind, payload, key, state: "queued", due: "2024-01-01 00:00:00.000Z" })
        try {
            app.save(notice)
        } catch (err) {
            if (!String(err).includes("unique")) {
                throw err
            }
        }
    },

    deliver(app, limit) {
        const done = { sent: 0, failed: 0, dead: 0 }
        const due = app.findRecordsByFilter("notices", "state = 'queued' || (state = 'failed' && attempts < {:most})", "@rowid", limit, 0, { most: MOST })
        for (const notice of due) {
            const user = app.findRecordById("users", notice.get("recipient"))
            app.runInTransaction((tx) => {
                notice.set("attempts+", 1)
                if (user.getString("name") === "") {
                    const dead = notice.getInt("attempts") >= MOST
                    notice.set("state", dead ? "dead" : "failed")
                    notice.set("error", "no name")
                    done[dead ? "dead" : "failed"]++
                } else {
                    notice.set("state", "sent")
                    notice.set("error", "")
                    done.sent++
                }
                tx.save(notice)
            })
        }
        return done
    },
}
