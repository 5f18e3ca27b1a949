// Scheduled jobs: the host has one run when it is due. Those of the scripts' files are handlers by number; one that was
// added at run time comes with its source.

P.on("job", ({ handler, source, file, line, column }) => P.withApp(0, () => {
    const run = handler === undefined ? P.compile(source, file, line, column) : P.handler(handler);
    return run();
}));

P.cronAdd = ({ id, expression, ...handled }) => { P.host("cron.add", id, expression, handled); };
P.cronRemove = (id) => { P.host("cron.remove", id); };
