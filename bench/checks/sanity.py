"""Automatic checks of a model in every run, on a few examples: what makes a number look better than it is.

Each finding is a flag on the leaderboard; `bench check` makes the same checks and more, and tells what was seen.
Sources: Carlini et al. 2019, On Evaluating Adversarial Robustness; Athalye et al. 2018, Obfuscated Gradients; Pintor et
al. 2022, Indicators of Attack Failure.
"""

from __future__ import annotations

from torch import Tensor

from adapters.base import Adapter
from adapters.errors import Unsupported
from adapters.memory import is_out_of_memory
from bench.checks import CHECKS
from bench.checks.base import Subject

SAMPLE = 100
"""Examples looked at."""
FAILED = "check-failed"
FLAGGING = tuple(check for check in CHECKS if check.flag)


def inspect(
    adapter: Adapter, x: Tensor, y: Tensor, *, classes: int, clip: tuple[float, float] | None = None
) -> tuple[str, ...]:
    """Flags of one model, whose outputs are known to be valid, in alphabetical order; the same in every run.

    At most `SAMPLE` of the `(N, *input_shape)` clean inputs and `(N,)` true classes are used; number of `classes` and
    range are the dataset's. A check that raises is a flag of its own, `check-failed`: what it looks for may well be
    there. Out of memory is raised, to be tried again with fewer examples.
    """
    subject = Subject(adapter, x[:SAMPLE], y[:SAMPLE], clip=clip, size=classes)
    found = set(adapter.notes) | ({"randomised"} if adapter.stochastic else set())
    for check in FLAGGING:
        if check.needs_gradient and adapter.gradient == "none":
            continue
        try:
            flagged = check.run(subject).flagged
        except Unsupported:  # it does not apply to this model
            continue
        except Exception as error:
            if is_out_of_memory(error):
                raise
            found.add(FAILED)
            continue
        if flagged:
            found.add(str(check.flag))
            if check.gates:
                break
    return tuple(sorted(found))
