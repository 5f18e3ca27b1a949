"""Random texts of the query language for a world: filters, rules, sorts, expands, fields, and broken ones.

Literals are mostly taken from the records that a path leads to, so that comparisons hold about as often as not.
"""

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.differential import values

if TYPE_CHECKING:
    from tests.differential.worlds import Collection, World

SIGNS = ("=", "!=", ">", ">=", "<", "<=", "~", "!~")
MACROS = (
    "@now", "@yesterday", "@tomorrow", "@todayStart", "@todayEnd", "@monthStart", "@monthEnd", "@yearStart", "@yearEnd",
    "@month", "@year",
)  # fmt: skip
LISTS = ("select", "file", "relation")
AUTH_NAMES = ("id", "email", "verified", "collectionName", "collectionId", "emailVisibility", "created")
HEADERS, QUERY_NAMES = ("x_color", "x_none", "user_agent_"), ("color", "page", "none")
STRFTIMES = ("'%Y'", "'%Y-%m-%d'", "'%s'", "'%H:%M'", "'%J'", "'%%'", "'%q'", "''")
MODIFIERS_OF_TIME = ("'+1 day'", "'start of month'", "'utc'", "'nonsense'", "'-3 hours'", "'unixepoch'")
EXCERPTS = (":excerpt(3)", ":excerpt(5,true)", ":excerpt(0)", ":excerpt(10,false)")
LITERALS = ("null", "true", "false", "NULL", "True", "''", '""', "0", "1", "-1", "@now", "'[]'", "2.50", "-0")
# What a text is broken with.
NOISE = (
    *("(", ")", "'", '"', "&&", "||", "=", "?", ":lower", ".", "@", " ", "//"),
    *("\\", "%", "1", "-", ",", "é", "\x00", "null"),
)


class Path(NamedTuple):
    """A path, the field at its end (None: something else), and where that is."""

    text: str
    field: "dict[str, Any] | None"
    collection: "Collection | None"


class Texts:
    """Texts about a world, drawn from `rng`."""

    def __init__(self, rng: Random, world: "World") -> None:
        self.rng = rng
        self.world = world

    # Filters and rules.

    def filter(self, collection: "Collection", *, rule: bool = False, depth: int = 2) -> str:
        """A filter over `collection`; `rule` also uses what only rules and superusers may."""
        if depth and self.rng.random() < 0.5:
            parts = [self.filter(collection, rule=rule, depth=depth - 1) for _ in range(self.rng.randint(2, 3))]
            text = self.rng.choice((" && ", " || ", "&&", "||", "\n|| ")).join(parts)
            return f"({text})" if self.rng.random() < 0.6 else text
        return self.comparison(collection, rule=rule)

    def rule(self, collection: "Collection") -> str | None:
        """A rule: none, everybody, or an expression that holds for some."""
        roll = self.rng.random()
        if roll < 0.15:
            return None
        if roll < 0.45:
            return ""
        text = self.filter(collection, rule=True)
        return f"{text} || {self.comparison(collection, rule=True)}" if roll < 0.8 else text

    def comparison(self, collection: "Collection", *, rule: bool) -> str:
        """`operand sign operand`."""
        rng = self.rng
        left = self.operand(collection, rule=rule)
        right = self.literal(left) if rng.random() < 0.75 else self.operand(collection, rule=rule).text
        if rng.random() < 0.08:
            left, right = Path(right, None, None), left.text
        # `x ~ @request.body.y:each` is an error of the real one's own
        sign = rng.choice(SIGNS[:-2] if right.startswith("@request.body.") and right.endswith(":each") else SIGNS)
        blank = rng.choice((" ", " ", ""))
        return f"{left.text}{blank}{'?' if rng.random() < 0.4 else ''}{sign}{blank}{right}"

    def operand(self, collection: "Collection", *, rule: bool) -> Path:
        """Something to compare: mostly a path."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.05:
            return Path(self.function(collection), None, None)
        if roll < 0.08:
            return Path(rng.choice(MACROS), None, None)
        if roll < 0.09:
            return Path(self.literal(Path("", None, None)), None, None)
        if rule and roll < 0.30:
            return self.requested(collection)
        if rule and roll < 0.40:
            other = rng.choice(list(self.world.collections.values()))
            # an alias of its own for each: two collections under one are mixed up by the real one
            alias = rng.choice(("", "", f":one{other['name']}", f":TWO_{other['name']}"))
            end = self.path(other)
            return end._replace(text=f"@collection.{other['name']}{alias}.{end.text}")
        return self.path(collection)

    def function(self, collection: "Collection") -> str:
        """A call."""
        rng = self.rng
        if rng.random() < 0.5:
            arguments = [rng.choice(("0", "23.32", "-180", "90", self._geo(collection))) for _ in range(4)]
            return f"geoDistance({', '.join(arguments)})"
        times = (self._argument(collection), rng.choice(MACROS), "'2024-02-29 10:00:00.000Z'", "1700000000", "created")
        modifiers = rng.sample(MODIFIERS_OF_TIME, rng.choice((0, 0, 1, 2)))
        return f"strftime({', '.join([rng.choice(STRFTIMES), rng.choice(times), *modifiers])})"

    def _geo(self, collection: "Collection") -> str:
        names = [field["name"] for field in collection["fields"] if field["type"] == "geoPoint"]
        return f"{self.rng.choice(names)}.{self.rng.choice(('lon', 'lat'))}" if names else self._argument(collection)

    def _argument(self, collection: "Collection") -> str:
        """A path for a function: no e-mail, since the real one forgets there who may see it."""
        path = self.path(collection)
        return "id" if path.field is None or path.field["name"] == "email" else path.text

    def requested(self, collection: "Collection") -> Path:
        """`@request.…`."""
        rng = self.rng
        kind = rng.choice(("auth", "auth", "auth", "body", "query", "headers", "method", "context"))
        if kind in ("method", "context"):
            return Path(f"@request.{kind}", None, None)
        if kind == "auth":
            users = self.world.collections[rng.choice(("users", "people"))]
            if rng.random() < 0.5:
                name = rng.choice(AUTH_NAMES)
                found = next((field for field in users["fields"] if field["name"] == name), None)
                return Path(f"@request.auth.{name}", found, users)
            end = self.path(users)
            return end._replace(text=f"@request.auth.{end.text}")
        if kind == "body":
            field = rng.choice([field for field in collection["fields"] if field["type"] != "password"])
            modifiers = ["", "", ":isset", ":changed", ":lower"] + [":each", ":length"] * (field["type"] in LISTS)
            if field["type"] == "relation" and rng.random() < 0.4:
                target = self.world.by_id(field["collectionId"])
                if target is not None:
                    end = self.path(target)
                    return end._replace(text=f"@request.body.{field['name']}.{end.text}")
            return Path(f"@request.body.{field['name']}{rng.choice(modifiers)}", field, collection)
        name = rng.choice(QUERY_NAMES if kind == "query" else HEADERS)
        return Path(f"@request.{kind}.{name}{rng.choice(('', '', ':isset', ':lower'))}", None, None)

    def path(self, collection: "Collection", hops: int | None = None) -> Path:
        """A field path: up to six hops over relations and back relations, then a field and perhaps a modifier."""
        rng = self.rng
        steps: list[str] = []
        for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 6)) if hops is None else hops):
            choices = self._hops(collection)
            if not choices:
                break
            step, collection = rng.choice(choices)
            steps.append(step)
        field = rng.choice(collection["fields"])
        if not collection["system"] and rng.random() < 0.9:
            shown = [field for field in collection["fields"] if not field["hidden"]]
            field = rng.choice(shown)
        return Path(".".join([*steps, self._end(field, collection)]), field, collection)

    def _hops(self, collection: "Collection") -> "list[tuple[str, Collection]]":
        found = []
        for field in collection["fields"]:
            if field["type"] == "relation" and (target := self.world.by_id(field["collectionId"])):
                found += [(field["name"], target)] * 2
        for other in self.world.collections.values():
            for field in other["fields"]:
                if field["type"] == "relation" and field["collectionId"] == collection["id"]:
                    found.append((f"{other['name']}_via_{field['name']}", other))
        return found

    def _end(self, field: dict[str, Any], collection: "Collection") -> str:
        rng, name = self.rng, str(field["name"])
        kind = field["type"]
        if kind == "geoPoint" and rng.random() < 0.8:
            return f"{name}.{rng.choice(('lon', 'lat', 'x'))}"
        if kind == "json" and rng.random() < 0.6:
            return f"{name}.{self._inside(field, collection)}"
        if kind in LISTS and rng.random() < 0.6:
            return name + rng.choice((":each", ":each", ":length", ":lower"))
        if rng.random() < 0.12:
            return name + rng.choice((":lower", ":lower", ":lower", ":length", ":each", ":isset", ":changed", ":nope"))
        return name

    def _inside(self, field: dict[str, Any], collection: "Collection") -> str:
        """A path into a JSON value, one that is there if possible."""
        rng = self.rng
        records = self.world.records.get(collection["name"])
        value = rng.choice(records).get(field["name"]) if records else None
        steps = []
        while len(steps) < 3:
            if isinstance(value, dict) and value:
                key = rng.choice(sorted(value))
                value = value[key]
                steps.append(key)
            elif isinstance(value, list) and value:
                index = rng.randrange(len(value))
                value = value[index]
                steps.append(str(index))
            else:
                break
        return ".".join(steps) or rng.choice((*values.KEYS, "0", "1", "a.b", "a.0", "0.a", "x:lower", "A_b", "-1"))

    # Literals.

    def literal(self, path: Path) -> str:
        """A literal to compare with what `path` leads to."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.55 and path.field is not None and path.collection is not None:
            records = self.world.records.get(path.collection["name"])
            if records:
                return self._written(self._part(rng.choice(records).get(path.field["name"]), path))
        if roll < 0.7:
            return self.quoted(values.text(rng))
        if roll < 0.85:
            return self._number(values.number(rng))
        return rng.choice(LITERALS)

    def _part(self, value: Any, path: Path) -> Any:
        """What a comparison sees of a value: an element, a part of an object."""
        if isinstance(value, list) and value and self.rng.random() < 0.8:
            return len(value) if path.text.endswith(":length") else self.rng.choice(value)
        if isinstance(value, dict) and value and self.rng.random() < 0.8:
            return self._part(value[self.rng.choice(sorted(value))], path)
        return value

    def _written(self, value: Any) -> str:
        rng = self.rng
        if isinstance(value, bool) or value is None:
            return str(value).lower().replace("none", "null")
        if isinstance(value, int | float):
            return self._number(value) if rng.random() < 0.85 else self.quoted(str(value))
        if isinstance(value, list | dict):
            return self.quoted(values.compact(value))
        text = str(value)
        if text and rng.random() < 0.2:
            start = rng.randrange(len(text))
            text = text[start : start + rng.randint(1, 6)]
        return self.quoted(text + rng.choice(("", "", "", "", "%", "_")))

    @staticmethod
    def _number(value: float) -> str:
        if isinstance(value, int):
            return str(value)
        return f"{value:.10f}".rstrip("0").rstrip(".") if abs(value) < 1e18 else f"{value:.0f}"

    def quoted(self, text: str) -> str:
        """A text literal."""
        quote = self.rng.choice("'\"")
        return quote + text.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote

    # The other parameters.

    def sort(self, collection: "Collection") -> str:
        """A sort. The id comes last, so that there is one order only."""
        rng = self.rng
        keys = [self._sort_key(collection) for _ in range(rng.choice((1, 1, 1, 2, 3, 7)))]
        return ",".join([*keys, "id"])

    def _sort_key(self, collection: "Collection") -> str:
        rng = self.rng
        name = "@rowid" if rng.random() < 0.06 else self.path(collection).text
        return rng.choice(("", "", "-", "+", " -", "- ")) + name if rng.random() < 0.6 else name

    def expand(self, collection: "Collection") -> str:
        """An expand of some paths, one of them perhaps of the old form or of nothing."""
        rng = self.rng
        paths = []
        for _ in range(rng.choice((1, 1, 2, 3))):
            steps, place = [], collection
            for _ in range(rng.choice((1, 1, 1, 2, 3, 7))):
                choices = self._hops(place)
                if not choices or rng.random() < 0.03:
                    steps.append(rng.choice(("id", "nothing", "a_via_b", "")))
                    break
                step, place = rng.choice(choices)
                if "_via_" in step and rng.random() < 0.15:
                    step = "{}({})".format(*step.split("_via_"))
                steps.append(step)
            paths.append(".".join(steps))
        return rng.choice((",", ", ")).join(paths)

    def fields(self, collection: "Collection", expand: str = "") -> str:
        """A choice of fields, some cut short, some of what is expanded."""
        rng = self.rng
        names = [field["name"] for field in collection["fields"]] + ["id", "*", "collectionName", "nothing", "expand.*"]
        names += [f"expand.{path.split('.')[0]}.id" for path in expand.split(",") if path]
        picked = [rng.choice(names) for _ in range(rng.randint(1, 4))]
        return ",".join(name + (rng.choice(EXCERPTS) if rng.random() < 0.3 else "") for name in picked)

    def broken(self, text: str) -> str:
        """A text with something cut out, put in or swapped."""
        rng = self.rng
        for _ in range(rng.choice((1, 1, 2))):
            place = rng.randrange(len(text) + 1)
            roll = rng.random()
            if roll < 0.4:
                text = text[:place] + text[place + rng.randint(1, 4) :]
            elif roll < 0.8:
                text = text[:place] + rng.choice(NOISE) + text[place:]
            else:
                text = text[place:] + text[:place]
        return text
