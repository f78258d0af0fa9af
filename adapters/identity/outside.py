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
    | {"glob", "shutil", "linecache", "fileinput", "tempfile", "dbm", "pkgutil", "netrc", "psutil"}
)
"""Packages whose every function does."""
PURE = {
    "os": {"fspath", "PathLike", "sep", "altsep", "extsep", "linesep", "name", "path", "pathsep", "curdir", "pardir"}
    | {"fsencode", "fsdecode", "urandom", "error", "devnull"},
    "posix": {"fspath", "urandom"},
    "io": {"BytesIO", "StringIO", "IOBase", "RawIOBase", "BufferedIOBase", "TextIOBase", "SEEK_SET", "SEEK_CUR"}
    | {"SEEK_END", "UnsupportedOperation", "TextIOWrapper", "BufferedReader", "BufferedWriter"},
    "time": {"sleep", "struct_time", "strptime", "mktime"},
    "datetime": {"timedelta", "timezone", "tzinfo", "datetime", "date", "time", "UTC", "MINYEAR", "MAXYEAR"},
    "platform": set[str](),
    "gc": {"collect", "enable", "disable", "isenabled", "freeze"},
    "configparser": {"Error", "NoSectionError", "NoOptionError", "ParsingError"},
    "getpass": set[str](),
    "pwd": set[str](),
    "locale": set[str](),
}
"""Packages that do, but for these functions and classes."""
_FRAMES = ("currentframe", "stack", "trace", "getouterframes", "getinnerframes", "getsource", "getsourcelines")
_PATHS = frozenset(
    {"exists", "lexists", "isfile", "isdir", "islink", "ismount", "samefile", "realpath", "abspath", "relpath"}
    | {"getsize", "getmtime", "getctime", "getatime", "expandvars", "expanduser"}
)
FUNCTIONS = frozenset(
    {"builtins.open", "io.open", "_io.open", "builtins.input", "builtins.eval", "builtins.exec", "builtins.compile"}
    | {"builtins.__import__", "builtins.globals", "sys.modules", "sys._getframe", "sys.argv", "sys.stdin", "sys.path"}
    | {f"inspect.{name}" for name in _FRAMES}
    | {"numpy.lib.format.open_memmap", "numpy.lib._format_impl.open_memmap", "numpy.lib.format.read_array"}
    | {"pickle.Unpickler", "_pickle.Unpickler", "builtins.safe_open", "marshal.loads", "marshal.load"}
    | {f"{module}.loads" for module in ("pickle", "_pickle", "cloudpickle", "dill")}
    | {"torch.initial_seed", "torch.random.initial_seed", "codecs.open", "tokenize.open", "inspect.getmodule"}
    | {"uuid.uuid1", "uuid.getnode", "numpy.fromregex", "numpy.rec.fromfile", "numpy.ctypeslib.load_library"}
    | {"numpy.lib._npyio_impl.fromregex", "numpy._core.records.fromfile", "numpy.ctypeslib._ctypeslib.load_library"}
    | {"torch.get_num_threads", "torch.get_num_interop_threads", "torch.are_deterministic_algorithms_enabled"}
    | {"torch.default_generator", "torch.random.default_generator", "numpy.geterr", "decimal.getcontext"}
    | {"warnings.filters", "signal.getsignal", "email.utils.formatdate", "email.utils.localtime"}
    | {f"os.{name}" for name in ("open", "environ", "environb", "getenv", "listdir", "scandir", "popen", "system")}
    | {f"{module}.{name}" for module in ("posixpath", "ntpath", "genericpath") for name in _PATHS}
    | {f"posix.{name}" for name in ("open", "listdir", "scandir", "system")}
    | {f"{module}.{name}" for module in ("pickle", "_pickle", "joblib", "torch", "numpy") for name in ("load",)}
    | {f"torch.{name}" for name in ("jit.load", "export.load", "hub.load", "from_file", "serialization.load")}
    | {f"torch.{name}" for name in ("jit._serialization.load", "hub.load_state_dict_from_url")}
    | {f"numpy.{name}" for name in ("loadtxt", "genfromtxt", "fromfile", "memmap", "lib._npyio_impl.load")}
    | {f"numpy.lib._npyio_impl.{name}" for name in ("loadtxt", "genfromtxt")}
    | {"numpy._core._multiarray_umath.fromfile", "numpy._core.multiarray.fromfile"}
)
"""Other functions and objects that do, by their full names; those that run a text, too."""
ATTRIBUTES = frozenset(
    {"read_text", "read_bytes", "open", "exists", "stat", "lstat", "iterdir", "glob", "rglob", "is_file", "is_dir"}
    | {"is_symlink", "readlink", "samefile", "now", "utcnow", "today", "from_file", "get_data"}
)
"""Methods, of paths and dates, that do."""
ALL = frozenset(
    {"__subclasses__", "__globals__", "__builtins__", "f_globals", "f_locals", "f_back", "gi_frame", "cr_frame"}
)
"""Names that lead to everything a process holds."""
READS = ("load", "read", "open", "imread", "fetch", "download", "urlopen")
"""How the names of functions begin that do, in other packages."""


def note(walk: Walk, module: str, name: str, home: str = "") -> None:
    """Take down that code here asks the outside world, if this thing of a library (with a version, of another) does."""
    walk.foreign = walk.foreign or " " in home
    full = f"{module}.{name}".strip(".")
    walk.reading.add(mark for mark, functions in CALLED_BY.items() if full in functions)
    last = name.rpartition(".")[2]
    package = module.partition(".")[0].lstrip("_")
    called = last.lstrip("_")
    # What a class is called, such as `OpenModel`, says less than what a function is.
    reads = " " in home and not called[:1].isupper() and called.lower().startswith(READS)
    reads = reads or (" " in home and module.startswith("scipy.io"))
    reads = reads or (home == "sklearn" and called.startswith(("fetch_", "load_svmlight", "load_files")))
    reads = reads or (package == "xml" and called in ("parse", "iterparse"))
    asks = package in PURE and bool(name) and name.partition(".")[0] not in PURE[package] and last[:2] != "__"
    if package in PACKAGES or full in FUNCTIONS or reads or asks:
        walk.cannot(None, f"{full.removeprefix('builtins.')}, which asks the outside world")


def note_attributes(walk: Walk, names: Iterable[str]) -> None:
    """Take down the names among these that ask the outside world, or lead to everything."""
    for name in sorted(ATTRIBUTES.intersection(names)):
        walk.cannot(None, f"{name}(), which asks the outside world")
    for name in sorted(ALL.intersection(names)):
        walk.cannot(None, f"{name}, which leads to all that its process holds")
