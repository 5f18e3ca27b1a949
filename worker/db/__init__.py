"""A tenant's SQLite files: `connection`, `faults` (failures as answers), `migrations` (what a new tenant holds)."""
