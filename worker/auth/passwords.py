"""Passwords: bcrypt hashes as PocketBase stores them. Both functions burn CPU; call them through `lanes.blocking`."""

import bcrypt

# the real one's cost; one hash takes tens of milliseconds
COST = 10
# bcrypt looks at no more than this
PASSWORD_BYTES_MAX = 72

# a hash that no password fits (its salt is real, its digest is not), to be checked where there is no record
NOBODY = "$2a$10$gASlrcoWERyCsILkyBal6O" + "." * 31


def hash_password(plain: str) -> str:
    """The bcrypt hash of `plain`, with the prefix that the real one writes."""
    salt = bcrypt.gensalt(COST, prefix=b"2a")
    return bcrypt.hashpw(plain.encode("utf-8", "surrogatepass")[:PASSWORD_BYTES_MAX], salt).decode("ascii")


def password_fits(plain: str, stored: str) -> bool:
    """Whether `plain` is the password that `stored` is the hash of.

    An empty `stored` takes as long as a wrong password does, so that the time tells nobody which accounts exist.
    """
    given = plain.encode("utf-8", "surrogatepass")[:PASSWORD_BYTES_MAX]
    try:
        fits = bcrypt.checkpw(given, (stored or NOBODY).encode("ascii"))
    except ValueError:  # what is stored is no bcrypt hash
        return False
    return fits and bool(stored)
