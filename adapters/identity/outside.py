"""What asks the outside world: files, sockets, other programs. A model that does can be another one tomorrow."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.identity.marks import CALLED_BY
from adapters.identity.walk import Walk

PACKAGES = frozenset(
    {"socket", "urllib", "http", "requests", "httpx", "aiohttp", "urllib3", "ftplib", "xmlrpc", "subprocess", "ctypes"}
    | {
        "multiprocessing",
        "sqlite3",
        "shelve",
        "importlib",
        "runpy",
        "mmap",
        "zipfile",
        "tarfile",
        "gzip",
        "bz2",
        "lzma",
    }
    | {"glob", "shutil", "linecache", "fileinput", "tempfile", "dbm", "pkgutil"}
)
"""Packages whose every function does."""
FUNCTIONS = frozenset(
    {"builtins.open", "io.open", "_io.open", "builtins.input", "builtins.eval", "builtins.exec", "builtins.compile"}
    | {"builtins.__import__", "builtins.globals", "sys.modules"}
    | {f"os.{name}" for name in ("open", "environ", "environb", "getenv", "listdir", "scandir", "popen", "system")}
    | {f"posixpath.{name}" for name in ("exists", "isfile", "isdir", "getsize", "getmtime")}
    | {f"genericpath.{name}" for name in ("exists", "isfile", "isdir", "getsize", "getmtime")}
    | {f"posix.{name}" for name in ("open", "listdir", "scandir", "system")}
    | {f"{module}.{name}" for module in ("pickle", "_pickle", "joblib", "torch", "numpy") for name in ("load",)}
    | {f"torch.{name}" for name in ("jit.load", "export.load", "hub.load", "from_file", "serialization.load")}
    | {f"torch.{name}" for name in ("jit._serialization.load", "hub.load_state_dict_from_url")}
    | {f"numpy.{name}" for name in ("loadtxt", "genfromtxt", "fromfile", "memmap", "lib._npyio_impl.load")}
    | {f"numpy.lib._npyio_impl.{name}" for name in ("loadtxt", "genfromtxt")}
    | {"numpy._core._multiarray_umath.fromfile", "numpy._core.multiarray.fromfile"}
)
"""Other functions and objects that do, by their full names; those that run a text, too."""
ATTRIBUTES = frozenset({"read_text", "read_bytes", "open"})
"""Methods, of paths, that do."""
READS = ("load", "read", "open", "imread", "fetch", "download", "urlopen")
"""How the names of functions begin that do, in other packages."""


def note(walk: Walk, module: str, name: str, home: str = "") -> None:
    """Take down that code here asks the outside world, if this thing of a library (with a version, of another) does."""
    full = f"{module}.{name}".strip(".")
    walk.reading.add(mark for mark, functions in CALLED_BY.items() if full in functions)
    reads = " " in home and name.rpartition(".")[2].lstrip("_").lower().startswith(READS)
    if module.partition(".")[0] in PACKAGES or full in FUNCTIONS or reads:
        walk.cannot(None, f"{full.removeprefix('builtins.')}, which asks the outside world")


def note_attributes(walk: Walk, names: Iterable[str]) -> None:
    """Take down the methods among names that ask the outside world."""
    for name in sorted(ATTRIBUTES.intersection(names)):
        walk.cannot(None, f"{name}(), which asks the outside world")
