"""What is compiled, and how: the way of a request, by mypyc.

    python setup.py build --build-lib DIR       all packages, what is listed here compiled beside its source

All of it is plain Python, which runs as it is wherever nothing compiled it: there is no second code, and a machine
without a C compiler or Python's headers gets an installation that only takes more CPU. What is listed here is what a
request, a run of a script or the opening of a tenant spends its time in, and nothing else: mypyc wants its modules
plainer than Python does (docs/development.md tells how). An editable installation stays uncompiled.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext

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
    "worker/wire/loss.py",
    "worker/wire/handoff.py",
    "worker/wire/steps.py",
}
COMMANDS = {"build", "build_ext", "bdist_wheel"}


class Build(build_ext):
    """Compiles the files of an extension on all cores: nearly all of them are one extension's."""

    def build_extensions(self) -> None:
        self.compiler.compile = self._compile  # type: ignore[method-assign]
        super().build_extensions()

    def _compile(self, sources: list[str], **told: Any) -> list[str]:
        make = type(self.compiler).compile
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = pool.map(lambda source: make(self.compiler, [source], **told), sources)
            return [path for paths in made for path in paths]


def extensions() -> list[Any]:
    """The compiled modules; none where mypyc is not there."""
    try:
        from mypyc.build import mypycify  # noqa: PLC0415 (needed by some commands only)
    except ImportError:
        return []
    found = {str(path) for package in PACKAGES for path in Path(package).glob("*.py")} - APART
    made = mypycify(
        ["--config-file=pyproject.toml", *sorted(found | set(MODULES))], opt_level="2", debug_level="0", multi_file=True
    )
    for extension in made:
        extension.optional = True  # without a compiler the Python beside it is used
    return made


setup(ext_modules=extensions() if COMMANDS & set(sys.argv) else [], cmdclass={"build_ext": Build})
