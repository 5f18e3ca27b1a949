"""`$app` beside records, queries and collections: transactions, tables, settings, the store, logins."""

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated, snippet

TRANSACTIONS = evaluated(
    "return [$app.isTransactional(), $app.isBootstrapped(), $app.isDev(), $app.encryptionEnv(), $app.txInfo()]",
    "let r = []; $app.runInTransaction((t) => { r.push(t.isTransactional(), $app.isTransactional()); "
    "t.runInTransaction((u) => { r.push(u.isTransactional()) }) }); return r",
    *(
        f"return $app.runInTransaction({body})"
        for body in (
            "() => {}",
            "() => null",
            "() => 5",
            "() => 'x'",
            "() => false",
            "() => ({})",
            "() => new Error('ret')",
            "() => new BadRequestError('ret')",
            "() => { throw new Error('boo') }",
            "() => { throw new BadRequestError('boo', {a: new ValidationError('c', 'm')}) }",
            "() => { throw 'text' }",
            "() => { $app.findRecordById('users', 'nope') }",
            "function () { return arguments.length }",
            "5",
            "'a'",
        )
    ),
    "$app.runInTransaction((t) => { t.save(new Collection({name: 'tx1'})); throw new Error('no') })",
    "return $app.hasTable('tx1')",
    "let r = []; $app.runInTransaction((t) => { t.save(new Collection({name: 'tx1'})); r.push(t.hasTable('tx1'), t.isCollectionNameUnique('tx1')) }); "
    "r.push($app.hasTable('tx1'), $app.findCollectionByNameOrId('tx1').name); return r",
    "let r = []; $app.runInTransaction((t) => { try { t.runInTransaction((u) => { u.save(new Collection({name: 'tx2'})); throw new Error('inner') }) } "
    "catch (x) { r.push(String(x)) } r.push(t.hasTable('tx2')) }); r.push($app.hasTable('tx2')); return r",
    "$app.runInTransaction((t) => { const c = t.findCollectionByNameOrId('tx1'); c.fields.add(new TextField({name: 'title', required: true})); t.save(c); "
    "const r = new Record(t.findCollectionByNameOrId('tx1')); r.set('title', 'one'); t.save(r) }); return $app.countRecords('tx1')",
    "$app.runInTransaction((t) => { const r = new Record(t.findCollectionByNameOrId('tx1')); r.set('title', 'two'); t.save(r); "
    "t.save(new Record(t.findCollectionByNameOrId('tx1'))) })",
    "return $app.countRecords('tx1')",
    "let n = 0; $app.runInTransaction((t) => { for (let i = 0; i < 20; i++) { const r = new Record(t.findCollectionByNameOrId('tx1')); "
    "r.set('title', 't' + i); t.save(r) } n = t.countRecords('tx1') }); return [n, $app.countRecords('tx1')]",
    "let r = []; $app.runInTransaction((t) => { t.txInfo().onComplete((x) => { r.push('done', String(x)) }); r.push('body') }); return r",
    "let r = []; try { $app.runInTransaction((t) => { t.txInfo().onComplete((x) => { r.push(String(x)) }); throw new Error('boo') }) } "
    "catch (x) { r.push('caught') } return r",
    "let kept; $app.runInTransaction((t) => { kept = t }); return [kept.isTransactional(), kept.db().newQuery('select 1').execute()]",
    "let r = []; $app.auxRunInTransaction((t) => { r.push(t.isTransactional()) }); return r",
    "return $app.unsafeWithoutHooks().isTransactional()",
    "const a = $app.unsafeWithoutHooks(); a.save(new Collection({name: 'quiet'})); a.runInTransaction((t) => { t.delete(t.findCollectionByNameOrId('quiet')) }); "
    "return a.hasTable('quiet')",
)

TABLES = evaluated(
    "return ['users', 'USERS', 'zz', '', '_logs', 'sqlite_master', 'post_stats'].map((n) => $app.hasTable(n))",
    "return ['_logs', 'users', ''].map((n) => $app.auxHasTable(n))",
    "return [$app.tableColumns('users'), $app.tableColumns('zz'), $app.tableColumns('post_stats')]",
    "return $app.tableInfo('users')",
    "return $app.tableInfo('zz')",
    "return [$app.tableIndexes('users'), $app.tableIndexes('zz')]",
    "return [$app.deleteTable('zz'), $app.deleteView('zz')]",
    "$app.saveView('vv', 'select 1 as id, name from users'); return [$app.hasTable('vv'), $app.tableColumns('vv'), $app.tableInfo('vv')]",
    "$app.saveView('vv', 'selec')",
    "$app.saveView('vv', '')",
    "$app.saveView('', 'select 1 as id')",
    "$app.saveView('vv', 'select 1 as id; select 2')",
    "return $app.tableColumns('vv')",
    "$app.deleteTable('vv')",
    "$app.deleteView('vv'); return $app.hasTable('vv')",
    "$app.deleteView('')",
    "$app.deleteTable('')",
    "return $app.createViewFields('select id, name as n, count(*) as c, cast(1 as text) as t from users').map((f) => [f.name, f.type()])",
    "$app.createViewFields('select 1')",
    "$app.createViewFields('zz')",
    "const d = $app.dryRunView(\"select 1 as id, 'x' as n, 5 as k\", 5); return [Object.keys(d), d.fields.fieldNames(), d.sample.length, "
    "d.sample[0].id, d.sample[0].get('k'), d.sample[0].getString('n')]",
    "return [$app.dryRunView('select id from users', -1).sample.length > 1, $app.dryRunView('select id from users', 1).sample.length, "
    "$app.dryRunView('select 1 as id', 0).sample]",
    "$app.dryRunView('zz', 1)",
    "$app.dryRunView(\"select '' as id\", 1)",
    "return [$app.vacuum(), $app.auxVacuum()]",
    "$app.runInTransaction((t) => { t.vacuum() })",
    "$app.reloadCachedCollections(); return $app.findCollectionByNameOrId('users').name",
)

SETTINGS = evaluated(
    "return $app.settings()",
    "return String($app.settings())",
    "return [$app.settings() === $app.settings(), $app.settings().smtp.password, $app.settings().meta.appName]",
    "const s = $app.settings(); return [s.tableName(), s.pk(), s.isNew(), s.lastSavedPK(), s.clone() === s, s.clone()]",
    "const s = $app.settings(); s.smtp.password = 'secret'; s.s3.secret = 'q'; const r = [s.smtp, JSON.stringify(s)]; s.smtp.password = ''; s.s3.secret = ''; return r",
    "const s = $app.settings(); s.meta.appName = 'One'; $app.save(s); return $app.settings().meta.appName",
    "const s = $app.settings(); s.meta.appName = ''; s.batch.maxRequests = -5; $app.save(s)",
    "$app.reloadSettings(); return [$app.settings().meta.appName, $app.settings().batch.maxRequests]",
    "const s = $app.settings(); s.meta.appURL = 'nope'; try { $app.validate(s) } finally { $app.reloadSettings() }",
    "$app.runInTransaction((t) => { const s = t.settings(); s.meta.appName = 'Two'; t.save(s) }); return $app.settings().meta.appName",
    "const s = $app.settings(); s.rateLimits.rules.push({label: '/x', maxRequests: 5, duration: 1}); s.superuserIPs = ['127.0.0.0/8']; "
    "s.logs.maxDays = 7.9; s.trustedProxy.headers = ['X-A']; $app.save(s); const t = $app.settings(); return [t.rateLimits.rules.length, t.superuserIPs, "
    "t.logs.maxDays, t.trustedProxy]",
    "const s = $app.settings(); s.rateLimits.rules.pop(); s.superuserIPs = []; s.trustedProxy.headers = []; s.meta.appName = 'Acme'; s.logs.maxDays = 5; "
    "$app.save(s); return s",
)

STORE = evaluated(
    "const s = $app.store(); s.removeAll(); return [s.get('a'), s.set('a', 1), s.get('a'), s.getOk('a'), s.getOk('zz'), s.has('a'), s.length(), "
    "s.getOrSet('b', () => 'x'), s.getOrSet('b', () => 'y'), s.getAll(), s.setIfLessThanLimit('c', 5, 2), s.setIfLessThanLimit('a', 5, 2), s.get('a'), "
    "s.remove('a'), s.length(), s.setFunc('n', (o) => (o || 0) + 1), s.setFunc('n', (o) => (o || 0) + 1), s.get('n'), s.reset({q: 5}), s.values(), "
    "s.getAll(), s.removeAll(), s.length()]",
    "$app.store().set('kept', {a: [1, 'x', null, true]})",
    "return [$app.store().get('kept'), $app.store().has('kept')]",
    "const s = $app.store(); s.set('u', undefined); s.set('n', null); return [s.has('u'), s.get('u'), s.get('n'), s.getOk('n')]",
    "const s = $app.store(); s.set(5, 'five'); s.set('dt', new DateTime('2020-01-01')); return [s.get('5'), s.get(5), s.get('dt'), s.get('dt').unix()]",
    "$app.store().reset(); return $app.store().length()",
)

LOGINS = evaluated(
    "const u = $app.findRecordById('users', $app.findFirstRecordByFilter('_externalAuths', \"provider = 'google'\").get('recordRef')); "
    "const all = $app.findAllExternalAuthsByRecord(u), m = all[0]; return [all.length, m.provider(), m.providerId(), m.collectionRef(), m.recordRef() == u.id, "
    "m.collection().name, m.created().isZero(), m.get('provider'), m]",
    "const m = $app.findFirstExternalAuthByExpr($dbx.hashExp({provider: 'github'})); m.setProviderId('changed'); $app.save(m); "
    "return [$app.findAllExternalAuthsByCollection($app.findCollectionByNameOrId('users')).map((m) => m.providerId()).sort()]",
    "$app.findFirstExternalAuthByExpr($dbx.hashExp({provider: 'zz'}))",
    "const u = $app.findFirstRecordByFilter('users', \"email != ''\"), mk = (n, d) => { const x = new Record($app.findCollectionByNameOrId(n), "
    "{collectionRef: u.collection().id, recordRef: u.id, ...d}); $app.save(x); return x.id }; const m = $app.findMFAById(mk('_mfas', {method: 'password'})), "
    "o = $app.findOTPById(mk('_otps', {password: '12345678', sentTo: 'q@q.co'})), a = $app.findAuthOriginById(mk('_authOrigins', {fingerprint: 'ff'})); "
    "return [m.method(), m.hasExpired(1e15), m.hasExpired(0), o.sentTo(), o.validatePassword('12345678'), o.hasExpired(1e15), a.fingerprint(), "
    "$app.findAuthOriginByRecordAndFingerprint(u, 'ff').fingerprint(), $app.findAllMFAsByRecord(u).length, $app.findAllOTPsByRecord(u).length, "
    "$app.findAllAuthOriginsByRecord(u).length, m.recordRef() == u.id]",
    "const u = $app.findFirstRecordByFilter('users', \"email != ''\"), c = u.collection(); $app.deleteExpiredMFAs(); $app.deleteExpiredOTPs(); "
    "const r = [$app.findAllMFAsByCollection(c).length, $app.findAllOTPsByCollection(c).length, $app.findAllAuthOriginsByCollection(c).length]; "
    "$app.deleteAllMFAsByRecord(u); $app.deleteAllOTPsByRecord(u); $app.deleteAllAuthOriginsByRecord(u); $app.deleteAllExternalAuthsByRecord(u); "
    "return r.concat($app.findAllMFAsByRecord(u).length, $app.findAllOTPsByRecord(u).length, $app.findAllAuthOriginsByRecord(u).length)",
    *(f"$app.{find}('x')" for find in ("findMFAById", "findOTPById", "findAuthOriginById", "findLogById")),
    "$app.findAllExternalAuthsByRecord(5)",
    "return [$app.findAllMFAsByRecord(new Record($app.findCollectionByNameOrId('users'))), $app.deleteOldLogs(new DateTime('2000-01-01'))]",
)

LACKING = evaluated(
    *(
        snippet(
            code, ours={"err": f"GoError: $app.{member} is not available yet: this server has no {service} service"}
        )
        for code, member, service in (
            ("$app.newMailClient()", "newMailClient", "mail"),
            ("$app.newFilesystem()", "newFilesystem", "files"),
            ("$app.newBackupsFilesystem()", "newBackupsFilesystem", "backups"),
            ("$app.createBackup(new Context(), 'b.zip')", "createBackup", "backups"),
        )
    ),
    "const b = $app.subscriptionsBroker(); return [b.clients(), b.totalClients(), b.chunkedClients(5)]",
    "$app.subscriptionsBroker().clientById('x')",
)


@pytest.mark.parametrize("item", TRANSACTIONS)
def test_transactions(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", TABLES)
def test_tables_and_views(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", SETTINGS)
def test_settings(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", STORE)
def test_the_store(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", LOGINS)
def test_what_is_noted_of_logins(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", LACKING)
def test_what_there_is_no_service_for(pair: Pair, item: Snippet) -> None:
    pair.check(item)
