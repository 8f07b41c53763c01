"""Finds every call of the shell that can fail, by the syntax tree, and makes one of them fail once.

Nothing in the shipped code knows of it: while a module is imported, each such call `f(x)` is compiled as `__at_site__(name, f)(x)`.
A site's name is its file, its function and the call as it is written, so that it outlives a change of line.
"""

from __future__ import annotations

import ast
import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]
_COMMANDS = ("command_client", "command_line", "commissioning_programs", "other_commands", "journal_command")
CONTROLLER_FILES = (
    *(path for path in sorted((ROOT / "controller").glob("*.py")) if path.stem not in _COMMANDS),
    *sorted((ROOT / "controller" / "hardware").glob("*.py")),
    ROOT / "firmware_bridge" / "serial_link.py",
)  # fmt: skip
TELEMETRY_FILES = tuple(
    path for path in sorted((ROOT / "telemetry").glob("*.py")) if path.stem not in ("asyncapi", "journal_reader")
)

_FILES = ("open", "read_bytes", "read_text", "unlink", "rename", "mkdir", "glob", "stat", "exists", "chmod", "fsync", "replace")
_RIGHTS = ("flock", "fchmod", "fchown", "truncate", "touch")
_BY_NAME: dict[str, tuple[str, ...]] = {
    "file": (*_FILES, *_RIGHTS, "read", "write", "write_bytes", "posix_fallocate", "ftruncate", "fstat", "statvfs", "GzipFile",
             "copyfileobj", "flush", "fdopen"),
    "map": ("mmap",),
    "event": ("eventfd", "eventfd_read", "eventfd_write"),
    "socket": ("socket", "bind", "listen", "accept", "connect", "recv", "send", "sendto", "setsockopt", "getsockopt",
               "setblocking"),
    "wait": ("select", "poll", "register", "unregister", "add_reader", "add_writer", "remove_reader", "remove_writer",
             "add_signal_handler"),
    "line": ("ioctl", "Serial", "set_low_latency_mode", "reset_input_buffer"),
    "terminal": ("tcflush", "tcgetattr", "tcsetattr"),
    "pins": (
        "setmode", "setwarnings", "gpio_function", "setup", "input", "output", "add_event_detect", "remove_event_detect", "cleanup",
        "level_of",
    ),
    "bus": ("SpiDev", "xfer2"),
    "library": ("import_module", "CDLL", "distribution"),
    "thread": ("start", "run_in_executor", "to_thread"),
    "close": ("close",),
    "journal": ("execute", "executemany", "executescript"),
    "broker": ("publish", "subscribe", "publish_confirmed", "load_cert_chain", "create_default_context"),
}  # fmt: skip
KIND = {name: kind for kind, names in _BY_NAME.items() for name in names}
OUR_OWN = frozenset({
    "controller/drive_adapter.py self._drive.send",
    "controller/pairing.py drive.close",
    "controller/scan.py devices.drive.send",
    "controller/scan.py devices.inputs.read",
    "controller/scan.py devices.inputs.write",
    "controller/scan.py self._channel.publish",
    "controller/scan.py self._memory.close",
    "controller/service.py adapter.send",
    "controller/service.py channel.close",
    "controller/service.py controller.close",
    "controller/service.py manager.close",
    "controller/service.py recorder.close",
    "controller/service.py ring.close",
    "controller/hardware/device_lock.py self.close",
    "controller/hardware/hx711.py sampler.start",
    "controller/hardware/hx711.py self._pins.close",
    "controller/hardware/rail_cells.py sampler.start",
    "firmware_bridge/serial_link.py self.close",
    "telemetry/intake.py self._controller.send",
    "telemetry/keeper.py journal.close",
    "telemetry/link.py self.send",
    "telemetry/service.py self._keeper.close",
    "telemetry/service.py self._notifier.send",
})  # fmt: skip
"""Calls of the project's own, by file and as they are written: what they call is a site of its own where it is written.

By file, as a name says nothing elsewhere: `ring` is the controller's own in one file, and a path in another.
"""


class Site(msgspec.Struct, frozen=True):
    """One call. kind: which errors are plausible."""

    name: str
    kind: str
    call: str


def _written(function: ast.expr) -> str:
    return ast.unparse(function)


def _kind(file: str, function: ast.expr) -> str | None:
    """The kind of a call that can fail; None for one that cannot, or that is the project's own."""
    if isinstance(function, ast.Name):
        return KIND.get(function.id) if function.id in ("level_of", "open") else None
    if not isinstance(function, ast.Attribute) or f"{file} {_written(function)}" in OUR_OWN:
        return None
    if function.attr == "replace" and _written(function.value) != "os":
        return None  # of a text, a time or a record
    return KIND.get(function.attr)


class _Rewriter(ast.NodeTransformer):
    """Renames nothing and moves nothing: wraps the function of each call that can fail."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._where: list[str] = []
        self._seen: dict[str, int] = {}
        self.sites: list[Site] = []
        self.clock = ""

    def _within(self, node: Any) -> Any:
        self._where.append(node.name)
        self.generic_visit(node)
        self._where.pop()
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _within

    def visit_Import(self, node: ast.Import) -> Any:
        """The modules' clock can be another one."""
        if self.clock and [alias.name for alias in node.names] == ["time"]:
            return ast.copy_location(ast.Import([ast.alias(self.clock, "time")]), node)
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        """Wraps it."""
        kind = _kind(self._file, node.func)
        self.generic_visit(node)
        if kind is None:
            return node
        call = _written(node.func) if not self.sites else _plain(node.func)
        plain = f"{self._file} {'.'.join(self._where)} {call}"
        self._seen[plain] = self._seen.get(plain, 0) + 1
        name = plain if self._seen[plain] == 1 else f"{plain} #{self._seen[plain]}"
        self.sites.append(Site(name, kind, call.rpartition(".")[2]))
        node.func = ast.copy_location(ast.Call(ast.Name("__at_site__", ast.Load()), [ast.Constant(name), node.func], []), node.func)
        return node


def _plain(function: ast.expr) -> str:
    """The call as it was written, without the wrapping of calls inside it."""

    class Unwrap(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> Any:
            self.generic_visit(node)
            if isinstance(node.func, ast.Name) and node.func.id == "__at_site__":
                return node.args[1]
            return node

    return _written(Unwrap().visit(ast.parse(_written(function), mode="eval")))


def _rewrite(path: Path, source: str, clock: str = "") -> tuple[ast.Module, list[Site]]:
    rewriter = _Rewriter(str(path.relative_to(ROOT)))
    rewriter.clock = clock
    tree = ast.fix_missing_locations(rewriter.visit(ast.parse(source)))
    return tree, rewriter.sites


def find_sites(files: Sequence[Path]) -> list[Site]:
    """Every call of these files that can fail, in their order."""
    return [site for path in files for site in _rewrite(path, path.read_text())[1]]


class _Loader(importlib.machinery.SourceFileLoader):
    clock = ""

    def get_code(self, fullname: str) -> CodeType:
        """Compiles anew, always: a cached module has no sites."""
        path = Path(self.get_filename(fullname))
        return compile(_rewrite(path, path.read_text(), self.clock)[0], str(path), "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, files: Sequence[Path], clock: str) -> None:
        self._paths = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files if path.stem != "__init__"}
        self._clock = clock

    def find_spec(self, fullname: str, _path: object, _target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        """Only the shell's own modules."""
        found = self._paths.get(fullname)
        if found is None:
            return None
        loader = _Loader(fullname, str(found))
        loader.clock = self._clock if found.name != "display.py" else ""  # whose peer lives in real time
        return importlib.util.spec_from_file_location(fullname, found, loader=loader)


def instrument(files: Sequence[Path], at_site: Callable[[str, Callable[..., Any]], Callable[..., Any]], clock: str = "") -> None:
    """From now on these modules are imported with their sites. clock: a module that stands in for `time` in them."""
    loaded = [name for name in _Finder(files, clock)._paths if name in sys.modules]
    if loaded:
        raise RuntimeError(f"imported too early: {loaded}")
    builtins.__at_site__ = at_site  # type: ignore[attr-defined]
    sys.meta_path.insert(0, _Finder(files, clock))
