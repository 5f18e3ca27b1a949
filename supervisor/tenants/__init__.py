"""Which tenants there are (`registry`) and what may become of them (`lifecycle`)."""
