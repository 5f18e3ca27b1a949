"""The settings as files: `default.yaml` explains every key, `dev.yaml` is what `make serve` uses."""
