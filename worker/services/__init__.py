"""A tenant's settings and its request log (`logs`, `logrows`, `logreader`)."""
