"""The engine that runs JavaScript: QuickJS-NG, by way of dukpy, whose own conveniences for scripts are left out.

Nothing of the host is reachable from a script but one function, which the prelude takes and hides: dukpy would put
`call_python` and its module loader, which reads any file, within reach of every script. Another engine needs
`evaluate` and one synchronous call.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

# What answers a script's call: its name, and its arguments as a JSON array; the answer is JSON.
Call = Callable[[bytes, bytes], bytes]


class ScriptError(Exception):
    """A script could not be compiled, or has thrown; with the engine's own text and stack."""


class Engine:
    """One JavaScript realm. `call` is what the prelude reaches of Python."""

    def __init__(self, call: Call) -> None:
        self._dukpy = _library()
        # what dukpy's C code calls on its interpreter, by its own names: whether there is such a function, and that
        self._check_exported_function_exists = bool
        self._call_python = call
        self._ctx: Any = self._dukpy.create_context()
        self._jobs = _Jobs.of(self._dukpy, self._ctx)

    def evaluate(self, source: bytes) -> bytes:
        """Run a script, then what it has promised; the JSON of its value. ScriptError. May be called inside a call."""
        try:
            value: bytes | None = self._dukpy.eval_string(self, source, b"{}", False, "<script>")
        except self._dukpy.JSRuntimeError as error:
            raise ScriptError(str(error)) from None
        return value or b"null"

    def run_jobs(self) -> None:
        """Inside of a call: run what scripts have promised, until nothing is left that could go on now."""
        if self._jobs is None:
            self.evaluate(b"0")
        else:
            self._jobs.run()

    def _normalize_module(self, *names: str) -> str:
        raise ScriptError(f"import of {names[-1]!r}: use require()")


class _Jobs:
    """The engine's own queue of jobs. dukpy empties it at the end of an evaluation alone, and collects garbage then."""

    def __init__(self, execute: Callable[..., int], runtime: int) -> None:
        self._execute = execute
        self._runtime = runtime
        self._context = ctypes.c_void_p()  # whose job it was: nobody wants to know

    @classmethod
    def of(cls, library: Any, capsule: object) -> "_Jobs | None":
        """The queue of dukpy's context, which is a pair of pointers: runtime and realm. None where it is not."""
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        engine = ctypes.PyDLL(library.__file__)
        try:
            address = pointer(capsule, b"DUKPY_CONTEXT_CAPSULE")
            execute, runtime_of = engine.JS_ExecutePendingJob, engine.JS_GetRuntime
        except (AttributeError, ValueError):  # another build
            return None
        execute.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        runtime_of.restype, runtime_of.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
        runtime, realm = (ctypes.c_void_p * 2).from_address(address)
        if not runtime or not realm or runtime_of(realm) != runtime:
            return None
        return cls(execute, runtime)

    def run(self) -> None:
        """Until it is empty. What a job throws is its own affair: promises keep theirs."""
        while self._execute(self._runtime, ctypes.byref(self._context)):
            pass


@cache
def _library() -> Any:
    """dukpy's extension alone: its package brings in an installer, with it HTTP, TLS and mail: ten megabytes."""
    package = find_spec("dukpy")
    assert package is not None
    spec = PathFinder.find_spec("_dukpy", package.submodule_search_locations)
    assert spec is not None
    assert spec.loader is not None
    library = module_from_spec(spec)
    spec.loader.exec_module(library)
    return library
