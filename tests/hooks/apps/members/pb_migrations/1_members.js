/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const members = new Collection({
        name: "members",
        type: "auth",
        listRule: "",
        viewRule: "",
        createRule: "",
        updateRule: "id = @request.auth.id",
        deleteRule: "id = @request.auth.id",
        manageRule: "@request.auth.level >= 9",
        authRule: "banned = false",
        fields: [
            { name: "nick", type: "text", required: true, min: 2, max: 20 },
            { name: "level", type: "number", onlyInt: true },
            { name: "banned", type: "bool" },
            { name: "reason", type: "text", hidden: true },
            { name: "logins", type: "number" },
            { name: "seen", type: "text" },
        ],
        indexes: ["CREATE UNIQUE INDEX idx_members_nick ON members (nick COLLATE NOCASE)"],
        passwordAuth: { enabled: true, identityFields: ["email", "nick"] },
    })
    members.authToken.duration = 3600
    members.passwordAuth.identityFields = ["email", "nick"]
    app.save(members)

    for (const [id, nick, level] of [["root", "Root", 9], ["bad", "Baddie", 1], ["joe", "Joe", 1]]) {
        const member = new Record(members)
        member.set("id", id.padEnd(15, "0"))
        member.setEmail(nick.toLowerCase() + "@club.example")
        member.setPassword("Password-123")
        member.setVerified(nick !== "Joe")
        member.set("nick", nick)
        member.set("level", level)
        app.save(member)
    }
}, (app) => {
    const members = app.findCollectionByNameOrId("members")
    return app.delete(members)
})
