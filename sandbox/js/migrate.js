// A migration that was loaded (loader.js), run by the host inside of a transaction, whose app it gets.

P.on("migrate", ({ file, up, app }) => P.withApp(app, () => {
    const found = P.migrations.get(file);
    const run = up ? found.up : found.down;
    if (run !== undefined) run(P.app(app));
}));
