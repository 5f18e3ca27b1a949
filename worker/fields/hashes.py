"""bcrypt: hashing a password to be stored, and checking one against a stored hash.

Both burn CPU, tens of milliseconds and more: call them through `lanes.blocking`.
"""

import bcrypt

# bcrypt looks at no more than this. A longer password can't be stored, but fits where its beginning does.
PASSWORD_BYTES_MAX = 72
# A hash of this cost takes about a second of a thread that other tenants' logins wait for. A field's definition may ask
# for up to 31, which is a day: it is hashed with this.
HASH_COST_MAX = 14
# And one that was stored elsewhere is checked up to this one: four times as long.
CHECK_COST_MAX = 16
# a hash that no password fits (its salt is real, its digest is not), to be checked where there is no record
NOBODY = "$2a$10$gASlrcoWERyCsILkyBal6O" + "." * 31


def hash_password(plain: str, cost: int) -> str:
    """The bcrypt hash of `plain`, empty for an empty one. ValueError if it is longer than bcrypt takes."""
    # PocketBase writes the older prefix of the same algorithm
    salt = bcrypt.gensalt(min(cost, HASH_COST_MAX), b"2a")
    return bcrypt.hashpw(plain.encode(), salt).decode() if plain else ""


def password_fits(plain: str, stored: str) -> bool:
    """Whether `plain` is the password that `stored` is the hash of.

    An empty `stored` takes as long as a wrong password does, so that the time tells nobody which accounts exist.
    """
    given = plain.encode("utf-8", "surrogatepass")[:PASSWORD_BYTES_MAX]
    if stored[4:6].isdecimal() and int(stored[4:6]) > CHECK_COST_MAX:
        return False
    try:
        fits = bcrypt.checkpw(given, (stored or NOBODY).encode("ascii"))
    except ValueError:  # what is stored is no bcrypt hash
        return False
    return fits and bool(stored)
