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
    "sandbox/child.py",
    "sandbox/frames.py",
    "worker/hooks/alarm.py",
    "worker/hooks/apps.py",
    "worker/hooks/children.py",
    "worker/hooks/eventparts.py",
    "worker/hooks/events.py",
    "worker/hooks/heads.py",
    "worker/hooks/hooks.py",
    "worker/hooks/leased.py",
    "worker/hooks/line.py",
    "worker/hooks/ops/events.py",
    "worker/hooks/processes.py",
    "worker/hooks/requests.py",
    "worker/hooks/routes.py",
    "worker/hooks/session.py",
    "worker/hooks/shared.py",
    "worker/hooks/standing.py",
    "worker/hooks/waiting.py",
    "worker/hooks/wire.py",
    "worker/http/asked.py",
    "worker/http/guards.py",
    "worker/http/headers.py",
    "worker/http/identity.py",
    "worker/http/paths.py",
    "worker/http/picker.py",
    "worker/http/ratelimit.py",
    "worker/http/realip.py",
    "worker/http/scripted.py",
    "worker/services/logrows.py",
    "worker/services/logs.py",
)
# not compiled: classes that derive from others' (exceptions, futures, Falcon's), of which mypyc makes broken ones
APART = {
    "worker/wire/loss.py",
    "worker/fair/report.py",
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
