"""The routes, one file a group, each with a `bind(app)` that `worker.app` calls in one visible list."""
