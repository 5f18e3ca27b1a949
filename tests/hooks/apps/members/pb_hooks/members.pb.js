/// <reference path="../pb_data/types.d.ts" />

const COMMON = ["password1", "12345678", "qwertyui"]  // handlers don't see it

onRecordCreateRequest((e) => {
    const body = e.requestInfo().body
    const password = String(body.password ?? "")
    const common = ["password1", "12345678", "qwertyui"]
    const errors = {}
    if (common.includes(password.toLowerCase())) {
        errors.password = new ValidationError("password_common", "Everybody has that one.")
    } else if (!/[A-Z]/.test(password) || !/\d/.test(password)) {
        errors.password = new ValidationError("password_weak", "A capital letter and a digit, please.")
    }
    if (/@(mailinator|trash)\./.test(body.email || "")) {
        errors.email = new ValidationError("email_refused", "No throw-away addresses.")
    }
    if (Object.keys(errors).length) {
        throw new BadRequestError("You can't register like that.", errors)
    }
    if (!e.hasSuperuserAuth()) {
        e.record.set("level", 1)
        e.record.set("banned", false)
    }
    if (!e.record.get("nick")) {
        e.record.set("nick", e.record.email().split("@")[0])
    }
    e.record.setEmailVisibility(true)
    e.next()
}, "members")

onRecordAuthWithPasswordRequest((e) => {
    const store = e.app.store()
    const key = "tries:" + e.identity.toLowerCase()
    const tries = store.get(key) || 0
    if (tries >= 3) {
        throw new TooManyRequestsError("Wait a while.", { tries })
    }
    if (!e.record) {
        store.set(key, tries + 1)
        throw new BadRequestError("No such member.", { identity: new ValidationError("unknown", e.identityField || "any field") })
    }
    if (!e.record.validatePassword(e.password)) {
        store.setFunc(key, (old) => (old || 0) + 1)
    } else {
        store.remove(key)
    }
    e.next()
}, "members")

onRecordAuthRequest((e) => {
    if (e.record.getBool("banned")) {
        throw new ForbiddenError("You are banned: " + e.record.getString("reason"))
    }
    e.record.set("logins+", 1)
    e.record.set("seen", e.authMethod || "token")
    e.app.saveNoValidate(e.record)
    e.meta = { ...(e.meta || {}), welcome: `Hello, ${e.record.get("nick")}!`, level: e.record.getInt("level") }
    e.next()
}, "members")

onRecordAuthRefreshRequest((e) => {
    e.app.logger().info("refresh", "nick", e.record.get("nick"), "superuser", e.hasSuperuserAuth())
    if (e.record.getInt("logins") > 5) {
        throw e.unauthorizedError("Log in again.", null)
    }
    e.next()
}, "members")

onRecordEnrich((e) => {
    const auth = e.requestInfo.auth
    e.record.hide("seen", "logins")
    if (auth?.collection().name === "members" && (auth.id === e.record.id || auth.getInt("level") >= 9)) {
        e.record.unhide("logins", "reason")
    }
    if (e.requestInfo.context === "default" && auth?.getInt("level") >= 9) {
        e.record.ignoreEmailVisibility(true)
    }
    e.next()
}, "members")

onRecordUpdate((e) => {
    const original = e.record.original()
    if (original.email() !== e.record.email()) {
        e.record.setVerified(false)
    }
    if (e.record.getString("password") && e.record.validatePassword("Password-123")) {
        throw new ValidationError("password_known", "That one is known.")
    }
    if (e.record.getBool("banned") && !original.getBool("banned")) {
        e.record.refreshTokenKey()
    }
    e.next()
}, "members")

routerAdd("POST", "/members/{id}/ban", (e) => {
    if (!e.hasSuperuserAuth() && e.auth.getInt("level") < 9) {
        throw new ForbiddenError("That takes level 9.", null)
    }
    const data = new DynamicModel({ reason: "", hard: false })
    e.bindBody(data)
    const member = $app.findRecordById("members", e.request.pathValue("id"))
    const before = member.tokenKey()
    member.set("banned", data.hard)
    member.set("reason", data.reason)
    $app.save(member)
    return e.json(200, { banned: member.getBool("banned"), newKey: before !== member.tokenKey() })
}, $apis.requireAuth("members", "_superusers"))

// A session of another kind: a short token that says what it is for.
routerAdd("POST", "/members/tickets", (e) => {
    const member = $app.findAuthRecordByEmail("members", e.requestInfo().body["email"])
    const ticket = member.newStaticAuthToken(60000000000)
    const found = $app.findAuthRecordByToken(ticket, "auth")
    let wrong = ""
    try {
        $app.findAuthRecordByToken(ticket + "x", "auth")
    } catch (err) {
        wrong = err.message
    }
    const claims = $security.parseUnverifiedJWT(ticket)
    return e.json(200, {
        same: found.id === member.id,
        wrong,
        claims: [claims.type, claims.refreshable, claims.collectionId === member.collection().id],
        verification: $security.parseUnverifiedJWT(member.newVerificationToken()).email,
        reset: $security.parseUnverifiedJWT(member.newPasswordResetToken()).type,
        change: $security.parseUnverifiedJWT(member.newEmailChangeToken("new@club.example")).newEmail,
    })
}, $apis.requireSuperuserAuth())

routerAdd("POST", "/members/{id}/assume", (e) => {
    const member = e.app.findRecordById("members", e.request.pathValue("id"))
    return $apis.recordAuthResponse(e, member, "assumed", { by: e.auth.email() })
}, $apis.requireSuperuserAuth())

routerAdd("GET", "/members/{id}/self", (e) => e.json(200, e.auth), $apis.requireSuperuserOrOwnerAuth("id"))

routerAdd("POST", "/members/guests", (e) => e.string(200, "guests only"), $apis.requireGuestOnly())
