/// <reference path="../pb_data/types.d.ts" />

// Money goes from one to the other, or nothing happens.
routerAdd("POST", "/transfer/{from}/{to}/{amount}", (e) => {
    const [from, to] = ["from", "to"].map((name) => e.request.pathValue(name))
    const amount = parseFloat(e.request.pathValue("amount"))
    const fault = e.request.url.query().get("fault")
    const seen = []
    try {
        $app.runInTransaction((tx) => {
            const source = tx.findFirstRecordByData("accounts", "owner", from)
            source.set("balance-", amount)
            tx.save(source)
            seen.push(tx.findRecordById("accounts", source.id).get("balance"), tx.isTransactional())
            if (fault === "middle") {
                throw new Error("in the middle")
            }
            try {
                tx.runInTransaction((inner) => {
                    const target = inner.findFirstRecordByData("accounts", "owner", to)
                    target.set("balance+", amount)
                    inner.save(target)
                    if (fault === "inner") {
                        throw new BadRequestError("in the inner one")
                    }
                    if (fault === "forgiven") {
                        throw new Error("forgiven")
                    }
                })
            } catch (err) {
                if (err.message !== "forgiven") throw err
                seen.push("forgiven")
            }
            if (fault === "return") {
                return
            }
        })
    } finally {
        seen.push($app.isTransactional())
        $app.store().set("seen", seen)
    }
    return e.json(200, seen)
})

routerAdd("GET", "/faults/seen", (e) => e.json(200, {
    seen: $app.store().get("seen"),
    balances: $app.findAllRecords("accounts").filter((r) => r.get("balance") > 0).map((r) => [r.get("owner"), r.get("balance")]).sort(),
}))

// Errors of routes, thrown and returned.
routerAdd("GET", "/faults/routes/{kind}", (e) => {
    switch (e.request.pathValue("kind")) {
        case "returned": return new ApiError(444, "returned, not thrown")
        case "method": return e.unauthorizedError("by method", { a: new ValidationError("c", "m") })
        case "thrown": throw e.internalServerError("thrown by method", null)
        case "status": throw new ApiError(200, "odd status")
        case "empty": throw new NotFoundError("")
        case "lower": throw new ForbiddenError("lower case", [1, 2])
        case "rows": throw $app.findFirstRecordByFilter("accounts", "owner = 'x'")
        case "written": {
            e.json(200, { already: "written" })
            throw new BadRequestError("too late")
        }
        case "promise": return Promise.reject(new ForbiddenError("rejected"))
        case "json": return e.json(200, { f: () => 1, u: undefined, n: NaN, i: Infinity, d: new Date(0), s: Symbol("x"), nested: [undefined, () => 1] })
        case "cyclic": {
            const a = {}
            a.a = a
            return e.json(200, { depth: (() => { try { return JSON.stringify(a) } catch (err) { return err.name } })() })
        }
        case "instances": {
            const out = []
            for (const make of [() => new ApiError(400, "x"), () => new BadRequestError("x"), () => e.notFoundError("x", null)]) {
                try { throw make() } catch (err) { out.push([err.status ?? null, String(err.message), err instanceof ApiError, JSON.stringify(err)]) }
            }
            return e.json(200, out)
        }
    }
    throw new Error("no such kind")
})

// The last of the chain, in the last file.
onRecordCreate((e) => {
    if (e.record.get("mode") === "chain") {
        e.record.set("mode", "chain, second file")
    }
    e.next()
    if (e.record.get("mode") === "chain, second file") {
        e.app.store().set("chained", e.record.isNew())
    }
}, "accounts")
