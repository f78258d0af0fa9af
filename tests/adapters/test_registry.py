"""Users' own models: by decorator, by file, by entry point."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import adapters
from adapters import registry
from adapters.errors import NotRegistrable
from adapters.registry import Registration, from_file, registered


@pytest.fixture(autouse=True)
def tidy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers, imports and puts on the path is gone after it."""
    before = dict(registry._registered), list(sys.path), set(sys.modules)
    yield
    registry._registered.clear()
    registry._registered.update(before[0])
    sys.path[:] = before[1]
    for name in set(sys.modules) - before[2]:
        if name.startswith("_potemkin_user_"):
            del sys.modules[name]


def written(folder: Path, text: str, name: str = "mine.py") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


# -- by decorator -----------------------------------------------------------------------------------------------------


def test_a_function_is_registered_and_stays_a_function() -> None:
    @adapters.register("my-net", dataset="mnist")
    def net() -> str:
        return "a model"

    assert net() == "a model"
    offer = registered()["my-net"]
    assert (offer.name, offer.dataset, offer.resolve()) == ("my-net", "mnist", "a model")


def test_a_model_is_registered_itself() -> None:
    adapters.register("number")(3)
    assert registered()["number"].resolve() == 3
    assert registered()["number"].dataset is None


@pytest.mark.parametrize("name", ["a", "my-net_2.0", "x" * 80, "0"])
def test_good_names(name: str) -> None:
    adapters.register(name)(3)
    assert name in registered()


@pytest.mark.parametrize("name", ["", "a b", "x" * 81, "ü", "a/b", "a|b", "a\n", "../a", "a:b"])
def test_names_that_could_not_stand_on_a_board_or_in_a_file(name: str) -> None:
    with pytest.raises(NotRegistrable, match="use 1 to 80 letters"):
        adapters.register(name)


def test_a_name_is_given_once() -> None:
    adapters.register("twice")(3)
    with pytest.raises(NotRegistrable, match="'twice' is registered twice"):
        adapters.register("twice")(4)
    assert registered()["twice"].resolve() == 3


class Callable_:
    """A model that can be called, as networks can."""

    def __call__(self) -> None:
        raise AssertionError("a model is not to be called")


class Network(Callable_):
    def state_dict(self) -> None: ...


class Estimator(Callable_):
    def predict(self) -> None: ...


@pytest.mark.parametrize("kind", [Network, Estimator])
def test_a_model_that_can_be_called_is_no_factory(kind: type) -> None:
    model = kind()
    assert Registration("m", model).resolve() is model
    assert isinstance(Registration("m", kind).resolve(), kind)  # but its class is


# -- by file ----------------------------------------------------------------------------------------------------------

TWO = """\
import adapters

@adapters.register("first", dataset="mnist")
def one():
    return 1

adapters.register("second")(2)
number = 3
"""


def test_a_file_gives_all_that_it_registers(tmp_path: Path) -> None:
    found = from_file(written(tmp_path, TWO))
    assert [(item.name, item.dataset, item.resolve()) for item in found] == [("first", "mnist", 1), ("second", None, 2)]
    assert not {"first", "second"} & set(registered())  # they belong to the run that asked for the file


def test_a_file_can_be_read_twice(tmp_path: Path) -> None:
    path = written(tmp_path, TWO)
    assert [item.name for item in from_file(path)] == [item.name for item in from_file(path)]


@pytest.mark.parametrize(
    ("attribute", "name", "dataset", "value"), [("one", "first", "mnist", 1), ("number", "number", None, 3)]
)
def test_an_object_of_a_file(attribute: str, name: str, dataset: str | None, value: int, tmp_path: Path) -> None:
    """Under the name that it is registered by, or else its own."""
    (found,) = from_file(f"{written(tmp_path, TWO)}:{attribute}")
    assert (found.name, found.dataset, found.resolve()) == (name, dataset, value)


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    written(tmp_path, "value = 7\n", "neighbour_of_mine.py")
    (found,) = from_file(written(tmp_path, "import neighbour_of_mine\nmodel = neighbour_of_mine.value\n") + ":model")
    assert found.resolve() == 7


def test_models_of_a_neighbour_are_the_neighbours(tmp_path: Path) -> None:
    """Unless a helper registers all there are, in the name of whoever calls it."""
    written(tmp_path, "import adapters\nadapters.register('theirs')(1)\n", "nets_beside.py")
    mine = written(tmp_path, "import adapters, nets_beside\nadapters.register('ours')(2)\n", "ours.py")
    assert [offer.name for offer in from_file(mine)] == ["ours"]
    written(tmp_path, "import adapters\ndef all():\n    adapters.register('helped')(1)\n", "helper_beside.py")
    assert [offer.name for offer in from_file(written(tmp_path, "import helper_beside as h\nh.all()\n"))] == ["helped"]


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "model = 7\n", "deep/mine.py")
    monkeypatch.chdir(tmp_path)
    (found,) = from_file("deep/mine.py:model")
    assert found.resolve() == 7


@pytest.mark.parametrize(
    ("text", "attribute", "says"),
    [
        ("model = 1\n", "", "mine.py registers no model; decorate one with @adapters.register(NAME)"),
        ("", "", "mine.py registers no model"),
        ("maxout = 1\n", ":maxuot", "mine.py has no object 'maxuot'; it has maxout"),
        ("_hidden = 1\n", ":model", "mine.py has no object 'model'; it has none"),
        ("import nothing_of_this_name\n", "", "mine.py does not import: ModuleNotFoundError"),
        ("def (\n", "", "mine.py does not import: SyntaxError"),
        ("raise ValueError('one\\ntwo')\n", "", "mine.py does not import: ValueError: one"),
        ("raise SystemExit(3)\n", "", "mine.py does not import: SystemExit: 3"),
        ("import adapters\nadapters.register('a b')(1)\n", "", "model name 'a b'"),
        ("import adapters\nfor n in 1, 2: adapters.register('a')(n)\n", "", "the name 'a' is registered twice"),
    ],
)
def test_a_file_that_offers_nothing_usable(text: str, attribute: str, says: str, tmp_path: Path) -> None:
    before = dict(registry._registered)
    with pytest.raises(NotRegistrable) as caught:
        from_file(written(tmp_path, text) + attribute)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)
    assert registry._registered == before


@pytest.mark.parametrize("spec", ["none.py", "none.py:model"])
def test_a_file_that_does_not_exist(spec: str, tmp_path: Path) -> None:
    with pytest.raises(NotRegistrable, match=r"no file .*none\.py; --model takes a name, FILE\.py or FILE\.py:OBJECT"):
        from_file(str(tmp_path / spec))


# -- by entry point ---------------------------------------------------------------------------------------------------


def plugin() -> str:
    """What an installed package offers."""
    return "a model of another package"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three packages: a good one, one whose module does not exist, and one with a name for no model."""
    offers = {"good": f"plugin={__name__}:plugin", "absent": "broken=nothing_of_this_name:model", "bad": "a b=x:y"}
    for package, line in offers.items():
        written(tmp_path, f"[potemkin.adapters]\n{line}\n", f"{package}-1.dist-info/entry_points.txt")
        written(tmp_path, f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n", f"{package}-1.dist-info/METADATA")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installed")
def test_a_bad_name_is_a_warning_that_names_the_package() -> None:
    with pytest.warns(
        UserWarning, match="package bad: model name 'a b': use 1 to 80 .*; its model is left out"
    ) as told:
        assert set(registered()) == {"plugin", "broken"}
    assert len(told) == 1


@pytest.mark.usefixtures("installed")
@pytest.mark.filterwarnings("ignore:package bad")
def test_installed_packages_offer_models() -> None:
    assert registered()["plugin"].resolve() == "a model of another package"


@pytest.mark.usefixtures("installed")
@pytest.mark.filterwarnings("ignore:package bad")
def test_an_entry_point_is_loaded_when_it_is_needed_and_not_before() -> None:
    offer = registered()["broken"]
    says = "package absent: nothing_of_this_name:model does not import: ModuleNotFoundError: No module named"
    with pytest.raises(NotRegistrable, match=says):
        offer.resolve()


@pytest.mark.usefixtures("installed")
@pytest.mark.filterwarnings("ignore:package bad")
def test_ones_own_registration_wins() -> None:
    adapters.register("plugin")(3)
    assert registered()["plugin"].resolve() == 3
