"""What is compiled, and how: the way of a request, by mypyc.

    python setup.py build --build-lib DIR       all packages, what is listed here compiled beside its source

All of it is plain Python, which runs as it is wherever nothing compiled it: there is no second code, and a machine
without a C compiler or Python's headers gets an installation that only takes more CPU. What is listed here is what a
request spends its time in, and nothing else: mypyc wants its modules plainer than Python does (docs/development.md
tells how). What runs scripts is not: runs that are ended from outside in the middle of a transaction crashed it. An
editable installation stays uncompiled.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
# packages, as a whole but for what stands in APART
PACKAGES = ("worker/fair", "worker/wire")
MODULES: tuple[str, ...] = (
    "worker/api/auth.py",
    "worker/api/health.py",
    "worker/api/records.py",
    "worker/auth/tokens.py",
    "worker/http/body.py",
    "worker/http/guards.py",
    "worker/http/headers.py",
    "worker/http/identity.py",
    "worker/http/paths.py",
    "worker/http/picker.py",
    "worker/http/query.py",
    "worker/http/ratelimit.py",
    "worker/http/realip.py",
    "worker/http/reply.py",
    "worker/http/requestcontext.py",
    "worker/http/way.py",
    "worker/records/accounts.py",
    "worker/records/actions.py",
    "worker/records/compiled.py",
    "worker/records/enriching.py",
    "worker/records/expand.py",
    "worker/records/listing.py",
    "worker/records/plan.py",
    "worker/records/present.py",
    "worker/records/record.py",
    "worker/records/request.py",
    "worker/records/requested.py",
    "worker/records/rules.py",
    "worker/records/saving.py",
    "worker/records/store.py",
    "worker/records/upsert.py",
    "worker/services/logrows.py",
    "worker/services/logs.py",
)
# not compiled: classes that derive from others' (exceptions, futures, Falcon's), of which mypyc makes broken ones
APART = {
    "worker/fair/report.py",
    "worker/wire/handoff.py",
    "worker/wire/loss.py",
    "worker/wire/steps.py",
}
COMMANDS = {"build", "build_ext", "bdist_wheel"}


class Build(build_ext):
    """Compiles on all cores, since nearly all files are one extension's; all of it, or nothing."""

    def build_extensions(self) -> None:
        self.compiler.compile = self._compile  # type: ignore[method-assign]
        super().build_extensions()
        made = {Path(self.get_ext_fullpath(extension.name)) for extension in self.extensions}
        found = set(Path(self.build_lib).rglob(f"*{EXTENSION_SUFFIXES[0]}"))
        for path in found - made if made <= found else found:
            path.unlink()  # of what is compiled no longer, or lacks its other half
        if not made <= found:
            print(
                "NOT COMPILED (is there a C compiler, are there Python's headers?): requests take more CPU", flush=True
            )

    def _compile(self, sources: list[str], **told: Any) -> list[str]:
        make = type(self.compiler).compile
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = pool.map(lambda source: make(self.compiler, [source], **told), sources)
            return [path for paths in made for path in paths]


def compiled() -> list[str]:
    """The modules that are compiled, as paths."""
    found = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).glob("*.py")}
    return sorted((found | set(MODULES)) - APART)


def extensions() -> list[Any]:
    """The compiled modules."""
    from mypyc.build import mypycify  # noqa: PLC0415 (needed by some commands only)

    made = mypycify(["--config-file=pyproject.toml", *compiled()], opt_level="2", debug_level="0", multi_file=True)
    for extension in made:
        extension.optional = True  # without a compiler the Python beside it is used
    return made


if __name__ == "__main__":
    setup(ext_modules=extensions() if COMMANDS & set(sys.argv) else [], cmdclass={"build_ext": Build})
