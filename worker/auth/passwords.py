"""Checking a password against the bcrypt hash that is stored. It burns CPU: call it through `lanes.blocking`."""

import bcrypt

# bcrypt looks at no more than this
PASSWORD_BYTES_MAX = 72

# a hash that no password fits (its salt is real, its digest is not), to be checked where there is no record
NOBODY = "$2a$10$gASlrcoWERyCsILkyBal6O" + "." * 31


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
