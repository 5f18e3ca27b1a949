"""Reserved for the bridge between a tenant's events and its sandbox."""
