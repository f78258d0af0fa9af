"""What a model is, told from what decides its outputs: a walk over everything that they can depend on.

`see` follows attributes at every depth, containers, tensors, networks with their hooks, functions with their code,
closures, defaults and the globals that they load, and classes. Nothing is told by its address, its repr or its source
text: a class that was typed into a notebook counts as one in a file does, and a comment counts for nothing.

- User code counts by what it does (`code`), installed code by distribution and version, torch, scikit-learn, NumPy,
  Python and this project by name (`libraries`).
- An attribute of a network that no code ever loads, such as a run id that its repr shows, decides nothing (`reading`).
- What cannot be seen into (`opaque`) is listed, by path and type.

Importing this package loads NumPy and torch.
"""

from __future__ import annotations

from adapters.identity import (  # noqa: F401 - each registers its rules with the walk
    arrays,
    classes,
    containers,
    functions,
    modules,
    networks,
    objects,
    opaque,
    scripts,
)
from adapters.identity.libraries import is_ours
from adapters.identity.patched import altered
from adapters.identity.walk import Seen, Walk, rule, see

__all__ = ["Seen", "Walk", "altered", "is_ours", "rule", "see"]
