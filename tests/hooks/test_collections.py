"""Fields, lists of fields and collections in scripts, and what `$app` does with collections."""

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated, snippet

# One of each type, as it is when nothing was said.
KINDS = (
    "TextField NumberField BoolField URLField EmailField EditorField PasswordField DateField AutodateField JSONField "
    "RelationField SelectField FileField GeoPointField"
).split()

FIELDS = evaluated(
    *(f"return new {kind}()" for kind in KINDS),
    *(
        f"const f = new {kind}({{name: 'x', id: 'i', hidden: true, system: true, presentable: true}}); return f"
        for kind in KINDS
    ),
    *(
        f"const f = new {kind}({{name: 'x'}}); return [f.type(), f.columnType($app), f.getName(), f.getId()]"
        for kind in KINDS
    ),
    "return [SelectField, RelationField, FileField].map((F) => new F({maxSelect: 2})).map((f) => [f.isMultiple(), f.columnType($app)])",
    "return [new EditorField(), new JSONField(), new FileField(), new FileField({maxSelect: 3, maxSize: 5})].map((f) => f.calculateMaxBodySize())",
    "return new TextField({name: 'a', primaryKey: true}).columnType($app)",
    "return new Field({type: 'text', name: 'q', min: 3})",
    "return [new Field(), new Field({name: 'q'}), new Field({type: 'zzz'}), new Field({type: 5}), new Field('text')]",
    "const f = new Field({type: 'number', name: 'q'}); return [f.type(), f.name, f.min, f.getId(), f.getSystem(), f.getHidden()]",
    "return TextField({name: 'called'})",
    "return new TextField({name: 'q', nope: 5, Required: true})",
    "return new TextField({min: 3.5})",
    "return new TextField({min: 3.0})",
    "return new TextField({max: null, help: null})",
    "return new SelectField({name: 's', values: ['a', 'b'], maxSelect: 2})",
    "return [new SelectField({values: 'a'}), new SelectField({values: ['a', 5]})]",
    "return [new TextField() instanceof TextField, new TextField() instanceof NumberField]",
    # what is assigned is cast
    "const f = new TextField(); f.name = 5; f.required = 'yes'; f.max = '12'; f.pattern = null; f.foo = 1; return [f, f.foo]",
    "const f = new TextField(), r = []; for (const v of [undefined, null, {}, [1, 2], true, '']) { f.name = v; r.push(f.name) } return r",
    "const f = new TextField(), r = []; for (const v of ['x', 3.9, -3.9, undefined, {}, '7', true]) { f.min = v; r.push(f.min) } return r",
    "const f = new TextField(), r = []; for (const v of [undefined, [], '', 'a', 0, {}]) { f.required = v; r.push(f.required) } return r",
    "const f = new NumberField({min: 3, max: 8}); f.min = null; f.onlyInt = true; return [f, f.min === null]",
    "const f = new NumberField(); f.min = '5'; f.max = 'abc'; return [f.min == 5, f]",
    "const f = new SelectField({values: ['a', 'b']}); f.values.push('c'); f.values[0] = 'z'; return [f.values, f.values.length, f.values.includes('z'), f]",
    "const f = new SelectField(), r = []; for (const v of [['x', 5, null], 'abc', null]) { f.values = v; r.push(f.values.slice()) } return r",
    "const f = new DateField({min: '2020-01-01', max: '2020-02-02 00:00:00.000Z'}); return [f, String(f.min), f.max.unix()]",
    "const f = new DateField(); f.min = new DateTime('2022-01-01'); f.max = '2022-01-01'; return [f, f.min.string()]",
    "const f = new TextField({name: 'a'}); f.setName('bb'); f.setId('ii'); f.setHidden(true); f.setSystem(true); return f",
    "return [[new NumberField(), '5'], [new BoolField(), 'true'], [new SelectField({maxSelect: 3}), 'a'], "
    "[new DateField(), '2020-01-01'], [new TextField(), 5], [new GeoPointField(), {lon: 1, lat: 2}]].map(([f, v]) => f.prepareValue(null, v))",
    "const c = $app.findCollectionByNameOrId('users'), r = new Record(c); return c.fields.getByName('email').validateValue(null, $app, r)",
    "const c = $app.findCollectionByNameOrId('users'), r = new Record(c, {email: 'a@b.co'}); return c.fields.getByName('email').validateValue(null, $app, r)",
    "return new TextField({name: 'a', min: 3}).validatePlainValue('a')",
    "return new SelectField({name: 'a'}).validateSettings(null, $app, $app.findCollectionByNameOrId('users'))",
)

LISTS = evaluated(
    "const l = new FieldsList(); return [l.length, l.string(), l.fieldNames(), Array.isArray(l)]",
    "return new FieldsList([{type: 'text', name: 'a'}, {type: 'bool', name: 'b'}]).string()",
    "return [new FieldsList({type: 'text', name: 'a'}).length, new FieldsList([{type: 'nope'}]).length, new FieldsList('a').length]",
    "const l = new FieldsList(); l.add(new TextField({name: 'a'}), new TextField({name: 'b'})); return [l.length, l[0].name, l[5], "
    "l.getByName('a').id, l.getByName('zz'), l.getById('zz'), Object.keys(l.asMap()), l.asMap().a.name]",
    "const l = new FieldsList(); l.add(new TextField({name: 'a'}), new TextField({name: 'b'})); l.add(new NumberField({name: 'a'})); "
    "l.add(new TextField({name: 'c', id: 'text3904355907'})); l.addAt(0, new TextField({name: 'first'})); "
    "l.addAt(99, new TextField({name: 'last'})); return l.string()",
    "const l = new FieldsList(), r = []; l.add(new TextField({name: 'a'}), new TextField({name: 'b'}), new TextField({name: 'c'})); "
    "for (const [at, f] of [[0, l.getByName('b')], [2, l.getByName('b')], [1, new TextField({name: 'b'})], [-1, new TextField({name: 'n'})], "
    "[1.9, new TextField({name: 'm'})]]) { l.addAt(at, f); r.push(l.fieldNames().join()) } l.addAt(1, new TextField({name: 'x'}), "
    "new TextField({name: 'y'})); r.push(l.fieldNames().join()); return r",
    "const l = new FieldsList(); l.add({type: 'text', name: 'a'})",
    "const l = new FieldsList(); l.add(5)",
    "const l = new FieldsList(); l.add(); return l.length",
    "const l = new FieldsList(); l.add(new TextField({name: 'a'}), new TextField({name: 'b'})); l.removeByName('a'); l.removeById('nope'); "
    "l.removeByName('nope'); l.removeById('text1908338681'); return [l.length, l.getByName('a')]",
    'const l = new FieldsList(); l.addMarshaledJSON(\'[{"type":"text","name":"a"},{"type":"bool","name":"b"}]\'); '
    'l.addMarshaledJSON(\'{"type":"text","name":"c"}\'); l.addMarshaledJSONAt(0, \'{"type":"text","name":"zero"}\'); return l.fieldNames()',
    *(
        f"const l = new FieldsList(); l.addMarshaledJSON({text!r}); return l.length"
        for text in (
            '[{"name":"a"}]',
            '[{"type":"zz"}]',
            "5",
            '"a"',
            "{}",
            "null",
            "",
            "[1]",
            '{"type":"text","name":5}',
        )
    ),
    "const l = new FieldsList(); l.add(new TextField({name: 'Abc', id: 'X1'})); return [l.getByName('abc'), l.getById('x1'), l.getByName(), "
    "l.clone().string(), l.clone()[0] === l[0]]",
    "const f = new TextField({name: 'a'}), l = new FieldsList(); l.add(f); f.name = 'changed'; return [l[0].name, f.id, l[0] === f]",
    "const l = $app.findCollectionByNameOrId('users').fields; return [l.length, l.map((f) => f.type()), l.filter((f) => f.system).length, "
    "l.find((f) => f.name == 'email').id, l.slice(0, 1).length, [...l].length, String(l), l[0] === l[0]]",
)

VALUES = evaluated(
    "return new Collection()",
    "return new Collection({})",
    "return new Collection({name: 'a'})",
    "return new Collection({name: 'a', type: 'view', viewQuery: 'select 1 as id'})",
    "const c = new Collection({name: 'a', type: 'auth'}); return [c, c.authToken.secret.length, c.authToken.secret == c.fileToken.secret]",
    "const c = new Collection({name: 'a', type: 'nonsense'}); return [c, c.isBase(), c.isAuth(), c.isView(), c.type]",
    "return [new Collection(5), new Collection('a'), new Collection({name: 5}), new Collection({type: null, name: 'q'})]",
    "return new Collection({name: 'a', fields: [{type: 'text', name: 't'}, {type: 'number', name: 'n', min: 5}]})",
    "return new Collection({name: 'a', fields: [{type: 'nope', name: 't'}]})",
    "return new Collection({name: 'a', fields: [new TextField({name: 'x'})]})",
    "return new Collection({name: 'a', indexes: ['create index a on b (c)'], id: 'zzz', system: true, created: '2020-01-01 00:00:00.000Z'})",
    "return new Collection({name: 'a', type: 'auth', fields: [{type: 'text', name: 't'}], passwordAuth: {enabled: false}, authToken: {duration: 5}, "
    "oauth2: {enabled: true, providers: [{name: 'google', clientId: 'a', clientSecret: 'b'}]}})",
    "return String(new Collection({name: 'a'}))",
    "const c = new Collection({name: 'x'}); return [c.id, c.isNew(), c.pk(), c.lastSavedPK(), c.tableName(), c.baseFilesPath(), String(c.created), "
    "c.created.isZero(), c.baseModel]",
    "return $app.findCollectionByNameOrId('users')",
    "return $app.findCollectionByNameOrId('POST_STATS')",
    "const c = $app.findCollectionByNameOrId('users'); return [c.isNew(), c.pk(), c.lastSavedPK(), c.tableName(), c.baseFilesPath(), "
    "c.created.string().length, String(c.rawOptions).slice(0, 60), c.listRule == 'id = @request.auth.id', c.indexes]",
    "const c = $app.findCollectionByNameOrId('users'), d = $app.findCollectionByNameOrId('users'); c.name = 'zz'; return [c === d, d.name, "
    "$app.findCachedCollectionByNameOrId('users').name, $app.findCachedCollectionByNameOrId('users') === $app.findCachedCollectionByNameOrId('users')]",
    *(f"return $app.findCollectionByNameOrId({what})" for what in ("", "null", "5", "({})", "'nope'", "''")),
    # what is assigned
    "const c = new Collection({name: 'a'}); c.zzz = 1; c.name = 12; c.listRule = 5; return [c.zzz, c]",
    "const c = new Collection({name: 'a'}), r = []; for (const v of [undefined, 'x', null]) { c.listRule = v; r.push(c.listRule) } return r",
    "const c = new Collection({name: 'x'}); c.type = null; c.system = 'yes'; c.created = '2020'; c.viewQuery = 5; c.id = null; c.indexes = null; "
    "return [c.type, c.system, String(c.created), c.viewQuery, c.id, c.indexes]",
    "const c = new Collection({name: 'x'}), r = []; for (const v of ['abc', [5, null]]) { c.indexes = v; r.push(c.indexes.slice()) } return r",
    "const c = new Collection({name: 'x'}); c.type = 'auth'; return [c.fields.fieldNames(), c.passwordAuth, c.mfa, c.authToken]",
    "const c = $app.findCollectionByNameOrId('users'); c.fields.add(new TextField({name: 'a'})); c.fields.addAt(1, new BoolField({name: 'b'})); "
    "c.fields.removeByName('avatar'); c.fields.push(new TextField({name: 'p'})); return c.fields.fieldNames()",
    "const c = $app.findCollectionByNameOrId('users'); c.fields = [new TextField({name: 'u'})]; return c.fields.fieldNames()",
    "const c = $app.findCollectionByNameOrId('users'); c.fields = new FieldsList([{type: 'text', name: 'a'}]); return c.fields.string()",
    "const c = $app.findCollectionByNameOrId('users'), o = {}; for (const k of ['listRule', 'fields', 'indexes', 'passwordAuth', 'created']) o[k] = c[k]; "
    "const d = new Collection({name: 'x', ...o}); return [d.listRule == c.listRule, d.fields.fieldNames(), d.indexes, d.fields[0].type()]",
    "const c = $app.findCollectionByNameOrId('users'); c.indexes.push('x'); c.indexes = ['a']; c.addIndex('idx1', true, '`name`', \"name != ''\"); "
    "const r = [[...c.indexes]]; c.addIndex('idx1', false, 'a, b', ''); r.push(c.getIndex('idx1'), c.getIndex('IDX1'), c.getIndex('zz')); "
    "c.removeIndex('IDX1'); c.removeIndex('nope'); return [r, c.indexes]",
    "const c = new Collection({name: 'q'}); c.addIndex('a b', false, 'x', ''); c.addIndex('', false, 'x', ''); c.addIndex('t`', false, 'x', '1=1'); "
    "c.addIndex('E1', true, 'x COLLATE NOCASE, `y`'); c.addIndex('e1', true, 'x'); return c.indexes",
    "const c = $app.findCollectionByNameOrId('users'); c.passwordAuth.enabled = false; c.passwordAuth.identityFields = ['name']; c.mfa.duration = 77; "
    "c.mfa.rule = 'x'; c.authToken.duration = 99; c.authToken.secret = 's'; c.otp.emailTemplate.subject = 'sub'; "
    "c.oauth2.providers = [{name: 'google', clientId: 'x', clientSecret: 'y'}]; return [c, c.oauth2, c.authToken]",
    "const c = $app.findCollectionByNameOrId('users'); c.passwordAuth = {enabled: true}; c.authAlert = {enabled: false, emailTemplate: {subject: 'x'}}; "
    "c.mfa = 5; c.oauth2.mappedFields.name = 'nn'; return [c.passwordAuth, c.authAlert, c.mfa, c.oauth2.mappedFields]",
    "const c = $app.findCollectionByNameOrId('users'); return [c.authToken.durationTime(), String(c.authToken.durationTime()), "
    "c.verificationTemplate.resolve({'{APP_NAME}': 'zz', APP_URL: 'yy'}), c.oauth2.getProviderConfig('google')]",
    "const c = $app.findCollectionByNameOrId('users'); c.oauth2.providers.push({name: 'google'}); return [c.oauth2.providers, c.oauth2.getProviderConfig('google')]",
    'const c = $app.findCollectionByNameOrId(\'users\'); c.unmarshalJSON(\'{"name":"zz","fields":[]}\'); return [c.name, c.fields.fieldNames(), '
    "String.fromCharCode(...c.marshalJSON()).slice(0, 20)]",
)

# In this order, on one state.
CHANGES = evaluated(
    "const c = new Collection({name: 'j1', fields: [{type: 'text', name: 't'}]}); $app.save(c); const r = [c.isNew(), c.fields.fieldNames(), c.id, "
    "c.created.isZero(), c.indexes]; c.name = 'j2'; c.fields.add(new NumberField({name: 'n'})); $app.save(c); r.push($app.hasTable('j1'), "
    "$app.tableColumns('j2')); $app.delete(c); r.push($app.hasTable('j2'), c.isNew()); return r",
    "const c = new Collection({name: 'kept', fields: [{type: 'text', name: 't'}]}), f = c.fields.getByName('t'); $app.save(c); f.required = true; "
    "$app.save(c); const r = [c.fields.getByName('t') === f, $app.findCollectionByNameOrId('kept').fields.getByName('t').required]; $app.delete(c); return r",
    *(
        f"$app.save(new Collection({made}))"
        for made in (
            "{}",
            "{name: ''}",
            "{name: 'a b'}",
            "{name: 'x9', type: 'zz'}",
            "{name: 'x9', fields: [{type: 'text', name: ''}]}",
            "{name: 'x9', listRule: 'bad ='}",
            "{name: 'x9', indexes: ['create index']}",
            "{name: 'x9', type: 'view'}",
            "{name: 'x9', type: 'view', viewQuery: 'selec'}",
            "{name: 'x9', fields: [{type: 'select', name: 's'}]}",
            "{name: 'users'}",
            "{id: '_pb_users_auth_', name: 'x9'}",
        )
    ),
    "$app.validate(new Collection({}))",
    "return [$app.validate(new Collection({name: 'ok9'})), $app.hasTable('ok9')]",
    "$app.validate(new Collection({name: 'x9', fields: [{type: 'text', name: 'a'}]}))",
    "const c = new Collection({name: 'nv1', fields: [{type: 'text', name: 't'}], listRule: 'bad ='}); $app.saveNoValidate(c); "
    "const r = [$app.tableColumns('nv1'), c.fields.fieldNames()]; $app.delete(c); return r",
    "$app.delete($app.findCollectionByNameOrId('_superusers'))",
    "const a = new Collection({name: 'dd1'}); $app.save(a); const b = new Collection({name: 'dd2', fields: [{type: 'relation', name: 'r', "
    "collectionId: a.id}]}); $app.save(b); $app.delete(a)",
    "$app.delete($app.findCollectionByNameOrId('dd2')); const a = $app.findCollectionByNameOrId('dd1'); return [$app.delete(a), $app.delete(a)]",
    "$app.delete(new Collection({name: 'n'}))",
    "const c = new Collection({name: 'idc'}); $app.save(c); c.id = 'other'; $app.save(c)",
    "const c = $app.findCollectionByNameOrId('idc'); c.id = 'pbc_x'; c.markAsNew(); c.name = 'idc2'; $app.save(c); return [$app.hasTable('idc2'), c.isNew()]",
    *(f"$app.save({what})" for what in ("5", "'a'", "{}", "[]", "new TextField()")),
    "return [$app.findAllCollections().map((c) => c.name), $app.findAllCollections('view', 'auth').map((c) => c.name), "
    "$app.findAllCollections('zz').length, $app.findAllCollections('').length]",
    "return ['users', 'USERS', 'zzzz', ''].map((n) => $app.isCollectionNameUnique(n)).concat($app.isCollectionNameUnique('users', '_pb_users_auth_'))",
    "$app.importCollections([], false)",
    "$app.importCollections([{name: 'im p'}], false)",
    "$app.importCollections('x', false)",
    "$app.importCollections([{name: 'imp1', fields: [{type: 'text', name: 't'}]}], false); return $app.tableColumns('imp1')",
    "$app.importCollectionsByMarshaledJSON('[{\"name\":\"imp3\"}]', false); return $app.hasTable('imp3')",
    "$app.importCollectionsByMarshaledJSON('null', false)",
    "const c = $app.findCollectionByNameOrId('imp1'); $app.save(new Record(c)); const r = [$app.countRecords('imp1')]; "
    "r.push($app.truncateCollection(c), $app.countRecords('imp1')); return r",
    "$app.truncateCollection(new Collection({name: 'nope'}))",
    "$app.truncateCollection($app.findCollectionByNameOrId('post_stats'))",
    "$app.truncateCollection($app.findCollectionByNameOrId('_superusers'))",
    "$app.truncateCollection('imp1')",
    "const v = new Collection({name: 'trv', type: 'view', viewQuery: 'select id, t as text, count(*) as n from imp1'}); $app.save(v); "
    "return v.fields.map((f) => [f.name, f.type()])",
    "const c = $app.findCollectionByNameOrId('imp1'); c.fields.removeByName('t'); $app.save(c)",
    "const c = $app.findCollectionByNameOrId('users'); c.authRule = 'verified = true'; c.passwordAuth.identityFields = ['email']; $app.save(c); "
    "const d = $app.findCollectionByNameOrId('users'); return [d.authRule == 'verified = true', d.updated.string() == c.updated.string()]",
    "const c = $app.findCollectionByNameOrId('users'); c.authRule = ''; c.authToken.duration = 1; $app.save(c)",
    snippet("const c = $app.findCollectionByNameOrId('users'); c.passwordAuth.identityFields = ['nope']; $app.save(c)"),
)


@pytest.mark.parametrize("item", FIELDS)
def test_fields(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", LISTS)
def test_lists_of_fields(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", VALUES)
def test_collections(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", CHANGES)
def test_changes(pair: Pair, item: Snippet) -> None:
    pair.check(item)
