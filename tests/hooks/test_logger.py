"""What scripts write into the tenant's log: the same rows as the real one's."""

from tests.hooks.harness import Pair, snippet

NOTES = (
    "const l = $app.logger(); l.info('hello', 'a', 1); l.error('err', 'e', new Error('x'), 'odd'); l.with('w', {x: [1]}).withGroup('g').warn('grp', 'k', 'v'); "
    "l.debug('dbg'); l.info('obj', {b: 1, a: 2}); l.info('multi', 's', 't', 'n', null, 'u', undefined, 'b', true, 'd', new DateTime('2020-01-01'), 'f', 1.5, "
    "'bad', new BadRequestError('no')); l.info(); l.info(5, 6, 7); return [l.enabled(null, 0), l.enabled(null, -4)]",
    "const l = $app.logger(); l.info('arr', [1, 2]); l.info('dup', 'k', 1, 'k', 2); l.withGroup('').info('eg', 'a', 1); "
    "l.withGroup('g1').withGroup('g2').info('gg', 'a', 1); l.with('z', 1, 'a', 2).info('ord', 'm', 3); l.with({}).info('o'); l.with().info('w0'); "
    "l.withGroup('g').info('emptyg'); l.withGroup('g').with('x', 1).info('gx'); l.info('long', 's', 'x'.repeat(40000)); l.log(null, 12, 'lvl', 'a', 1); "
    "l.infoContext(null, 'ctx', 'a', 1); l.info('key', 'a'); l.info('key2', 1, 2); l.info('err2', 'e', new NotFoundError('zz'))",
    "try { $app.findRecordById('users', 'x') } catch (x) { $app.logger().error('go', 'e', x) }",
    "const s = $app.settings(); s.logs.minLevel = 4; $app.save(s); $app.logger().info('below'); $app.logger().warn('above'); "
    "const r = $app.logger().enabled(null, 0); s.logs.minLevel = 0; $app.save(s); return r",
)


def test_notes(pair: Pair) -> None:
    for code in NOTES:
        pair.check(snippet(code))
    pair.compare_logs()
