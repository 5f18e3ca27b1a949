"""Logins: `tokens`, `logins` (the use cases), `secondfactor`, `origins`, `providers` (OAuth2), `superusers` for
operators.
"""
