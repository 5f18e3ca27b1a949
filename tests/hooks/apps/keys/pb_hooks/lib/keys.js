const PREFIX = "pk_"

module.exports = {
    // The key is shown once; what is kept is its hash and enough of it to be found.
    issue(app, owner, label, scopes, seed) {
        const secret = PREFIX + $security.sha256(seed).substring(0, 32)
        const record = new Record(app.findCollectionByNameOrId("api_keys"), {
            label: label,
            prefix: secret.slice(0, 11),
            hash: $security.sha512(secret),
            scopes: scopes,
            owner: owner.id,
        })
        app.save(record)
        return [record, secret]
    },

    check(app, given, scope) {
        if (!given || !given.startsWith(PREFIX)) {
            throw new UnauthorizedError("An API key is needed.")
        }
        const candidates = app.findAllRecords("api_keys", $dbx.hashExp({ prefix: given.slice(0, 11), revoked: false }))
        for (const record of candidates) {
            if ($security.equal(record.get("hash"), $security.sha512(given))) {
                const scopes = record.getStringSlice("scopes")
                if (!scopes.includes(scope) && !scopes.includes("admin")) {
                    throw new ForbiddenError(`The key may not ${scope}.`, { scopes: scopes.join(",") })
                }
                record.set("uses+", 1)
                app.saveNoValidate(record)
                return record
            }
        }
        throw new UnauthorizedError("Unknown API key.")
    },
}
