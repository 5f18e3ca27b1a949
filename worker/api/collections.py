"""Placeholder until the real route group lands in a few minutes."""


def bind(app):
    pass
