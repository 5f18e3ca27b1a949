"""The JavaScript that every tenant's script finds: the files of `sandbox/js` in their one order, as one script.

Each file is the body of a function of `P`, the prelude's private things, and `G`, the global object. Tenants' scripts
reach what is put on `G` alone.
"""

from pathlib import Path

# One after another: a file may use what stands before it when it is loaded, and everything when it is called.
FILES = (
    "pump",
    "random",
    "errors",
    "bytes",
    "security",
    "loader",
    "modules",
    "app",
    "jobs",
    "migrate",
    "structs",
    "fields",
    "collection",
    "settings",
    "store",
    "logger",
    "services",
    "cron",
    "expressions",
    "scan",
    "gotime",
    "datetime",
    "govalues",
    "gomodels",
    "recordvalues",
    "record",
    "recordshown",
    "recordmethods",
    "authmodels",
    "recordwire",
    "recordops",
    "recordexpand",
    "recordform",
    "destinations",
    "dbx",
    "select",
    "urlparts",
    "url",
    "buffer",
    "web",
    "http",
    "fetch",
    "filepath",
    "os",
    "printf",
    "templatescan",
    "templateparse",
    "templateescape",
    "templatehtml",
    "templatefuncs",
    "template",
    "filesystem",
    "mails",
    "gohttp",
    "requestbody",
    "request",
    "response",
    "requestevent",
    "routes",
    "apis",
    "endings",
    "events",
)
HEAD = "(function (G) {\n'use strict';\nconst P = Object.create(null);\n"
TAIL = "P.seal();\n})(globalThis);0"


def prelude() -> bytes:
    """The script. Evaluating it in a fresh engine makes `globalThis` what tenants' scripts expect."""
    parts = [HEAD]
    for name in FILES:
        source = (Path(__file__).with_name("js") / f"{name}.js").read_text(encoding="utf-8")
        parts.append(f"(function (P, G) {{\n{source}\n}})(P, G);\n")
    parts.append(TAIL)
    return "".join(parts).encode()
