"""The lowest versions that `pyproject.toml` claims, as constraints for pip: python -m tests.lowest > FILE."""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
CLAIM = re.compile(r"(?P<name>[\w.-]+)>=(?P<version>[\d.]+)")


def lowest() -> dict[str, str]:
    """Version by distribution, of what the package needs and of its extras; a package bound twice has one bound.

    Raises:
        ValueError: two bounds of one package, or a requirement that is no plain `name>=version`.
    """
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    found: dict[str, str] = {}
    for line in [*project["dependencies"], *chain(*project["optional-dependencies"].values())]:
        claim = CLAIM.fullmatch(line)
        if claim is None:
            continue
        name, version = claim["name"], claim["version"]
        if found.setdefault(name, version) != version:
            raise ValueError(f"{name} is bound by both {found[name]} and {version}")
    return found


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in lowest().items())
