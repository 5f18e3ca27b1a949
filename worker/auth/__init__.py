"""Logins: `tokens`, `passwords`, `logins` (the use cases), `secondfactor`, `origins`, `superusers` for operators."""
