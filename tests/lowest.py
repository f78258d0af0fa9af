"""The lowest versions that `pyproject.toml` claims, as constraints for pip.

python tests/lowest.py [NAME==VERSION ...] > FILE     with other versions of some
"""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
CLAIM = re.compile(r"([\w.-]+)(?:>=([\d.]+))?")


def claims(text: str | None = None) -> dict[str, str]:
    """Lowest version by distribution, of what the package needs and of its extras; tools without a bound left out.

    Raises:
        ValueError: a claim that cannot be tested.
    """
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8") if text is None else text)["project"]
    found: dict[str, str] = {}
    needed = project["dependencies"]
    for line in chain(needed, *project["optional-dependencies"].values()):
        claim = CLAIM.fullmatch(line)
        if claim is None:
            raise ValueError(f"{line} is no plain NAME>=VERSION")
        name, version = claim.groups()
        if version is None and line in needed:
            raise ValueError(f"{name} has no lower bound")
        if version is not None and found.setdefault(name, version) != version:
            raise ValueError(f"{name} is bound by both {found[name]} and {version}")
    return found


if __name__ == "__main__":
    others = dict(given.split("==") for given in sys.argv[1:])
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in (claims() | others).items())
