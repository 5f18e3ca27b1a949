"""The figures: psutil's of the processes (`sampler`), the workers' of their tenants (`ledger`)."""
