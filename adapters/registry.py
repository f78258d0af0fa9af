"""The users' own models: by decorator, by FILE.py[:OBJECT], by entry point. Loads no framework itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import inspect
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, TypeVar

from adapters.errors import NotImportable, NotRegistrable, told

ENTRY_POINT_GROUP = "potemkin.adapters"
NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")

T = TypeVar("T")


@dataclass(frozen=True)
class Registration:
    """A model that somebody offers under a name."""

    name: str
    offer: Any
    """An adapter, a model that `wrap` knows, or a function of no arguments that returns one."""
    dataset: str | None = None
    """The dataset that the model is for; None for any."""
    packaged: bool = False
    """Whether an installed package offers it, by entry point."""
    module: str = ""
    """Name of the module whose code registered it."""

    def resolve(self) -> Any:
        """The adapter or model itself.

        Raises:
            NotRegistrable: the offer is a function that wants arguments.
        """
        if not _is_factory(self.offer):
            return self.offer
        needed = [
            parameter.name
            for parameter in inspect.signature(self.offer).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
        if needed:
            raise NotRegistrable(
                f"{self.name!r} is a function of {', '.join(needed)}; register one of no arguments that returns a "
                "model, or wrap a predict function with adapters.black_box(fn, version='1')"
            )
        return self.offer()


_registered: dict[str, Registration] = {}


def register(name: str, *, dataset: str | None = None) -> Callable[[T], T]:
    """Offer a model under `name`: a decorator for a function of no arguments that returns a model or an adapter.

    It also takes a model itself: `register("my-svm", dataset="mnist")(fitted)`.

    Raises:
        NotRegistrable: the name holds anything but letters, digits, `.`, `_` and `-`, or belongs to another model.
    """
    checked_name(name)

    def offer(model: T) -> T:
        if name in _registered:
            raise NotRegistrable(f"the name {name!r} is registered twice; give one of the two models another name")
        module = str(sys._getframe(1).f_globals.get("__name__"))
        _registered[name] = Registration(name, model, dataset, module=module)
        return model

    return offer


def checked_name(name: str) -> str:
    """`name`, if it can name a model on a board and in a file."""
    if not NAME.fullmatch(name):
        raise NotRegistrable(f"model name {name!r}: use 1 to 80 letters, digits, '.', '_' or '-'")
    return name


def registered() -> dict[str, Registration]:
    """All models registered so far in this process, and those that installed packages offer by entry point.

    A package is imported when its model is resolved, and not before. Of a bad name there is a warning, no more.
    """
    offers = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            offers[checked_name(point.name)] = _from_entry_point(point)
        except NotRegistrable as error:
            warnings.warn(f"package {_package(point)}: {error}; its model is left out", stacklevel=2)
    return offers | _registered


def located(spec: str) -> tuple[Path, str]:
    """The file of `FILE.py` or `FILE.py:OBJECT`, and the object, empty where none is named.

    Raises:
        NotRegistrable: there is no such file.
    """
    path_text, _, attribute = spec.partition(".py:")
    path = Path(path_text + ".py" if attribute else spec).resolve()
    if not path.is_file():
        raise NotRegistrable(f"no file {path}; --model takes a name, FILE.py or FILE.py:OBJECT")
    return path, attribute


def from_file(spec: str) -> list[Registration]:
    """The models of `FILE.py` (all that it registers itself, and no other file for it) or `FILE.py:OBJECT` (that one).

    The file is run: only ever pass one that you would run yourself.

    Raises:
        NotRegistrable: the file does not exist or import, lacks the object, or registers nothing.
    """
    path, attribute = located(spec)
    module, registrations = _run(path)
    if attribute:
        for registration in registrations:
            if registration.name == attribute:
                return [registration]
        if not hasattr(module, attribute):
            public = [name for name in vars(module) if not name.startswith("_")]
            public += [registration.name for registration in registrations]
            near = get_close_matches(attribute, public, n=1) or public[-6:]
            raise NotRegistrable(f"{path.name} has no object {attribute!r}; it has {', '.join(near) or 'none'}")
        offer = getattr(module, attribute)
        for registration in registrations:
            if registration.offer is offer:
                return [registration]
        return [Registration(checked_name(attribute), offer)]
    if not registrations:
        raise NotRegistrable(
            f"{path.name} registers no model; decorate one with @adapters.register(NAME), "
            f"or name an object: {path.name}:OBJECT"
        )
    return registrations


def _run(path: Path) -> tuple[Any, list[Registration]]:
    """Execute a file as a module of its own; its registrations are taken out of the table and returned."""
    # By content: of two files of one name, each keeps its own module, where the source of its classes is looked up.
    name = f"_potemkin_user_{path.stem}_{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # classes defined in the file must find their module to show their source
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    before = dict(_registered)
    try:
        spec.loader.exec_module(module)
        new = [value for key, value in _registered.items() if key not in before]
        # What it imports from another file of models is that file's; unless a helper registers in its name.
        return module, [value for value in new if value.module == name] or new
    except NotRegistrable:
        raise
    except (Exception, SystemExit) as error:  # a script may well end in sys.exit()
        raise NotImportable(f"{path.name} does not import: {told(error)}{_line_of(error, path)}") from error
    finally:
        _registered.clear()
        _registered.update(before)


def _line_of(error: BaseException, path: Path) -> str:
    """Where in the file an error came up, such as ` (line 3)`."""
    if isinstance(error, SyntaxError):
        return ""  # it says so itself
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""


def _is_factory(offer: Any) -> bool:
    """Whether the offer is a function or class to call, not a model that happens to be callable, as networks are."""
    if isinstance(offer, type):
        return True
    return callable(offer) and not hasattr(offer, "predict") and not hasattr(offer, "state_dict")


def _from_entry_point(point: EntryPoint) -> Registration:
    def resolve() -> Any:
        try:
            offer = point.load()
        except (Exception, SystemExit) as error:
            reason = f"{point.value} does not import: {told(error)}"
            raise NotRegistrable(f"package {_package(point)}: {reason}") from error
        return Registration(point.name, offer).resolve()

    return Registration(point.name, resolve, packaged=True)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module
