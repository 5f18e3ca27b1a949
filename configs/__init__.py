"""The settings as files.

`default.yaml` explains every key, `dev.yaml` is what `make serve` uses, `small.yaml` is for 1,000 tenants in 256 MB.
"""
