"""What a network's outputs are, found out by asking it: a wrong guess is worse than a question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor, nn

from adapters.errors import Unclear
from adapters.networks.outputs import OutputKind, sum_to_one, within_unit
from adapters.networks.watching import Watch

EXAMPLES = 3
"""Inputs that a network is tried with: few, for it may be large."""
SAME = 1e-4
"""How far two passes over the same inputs may lie apart, as a share of the outputs' range."""
_UNABLE = ("not implemented", "not supported", "unsupported", "derivative for", "does not require grad")
"""What torch says where an operation has no gradient."""


def probe(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """`(N, *shape)` inputs in (0, 1), always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(EXAMPLES, *shape, generator=generator).to(device)


@contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """Leave torch's random numbers as they were: a network that draws must not move those of others."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        yield


def kind_of(x: Tensor, raw: Tensor, watch: Watch, found: Tensor, again: Callable[[Tensor], Tensor]) -> OutputKind:
    """What the outputs are, where nobody has said it.

    Probabilities stay in [0, 1] however far out the inputs are, and logits do not. Rows that sum to 1 are those of
    classes; others are independent ones where a sigmoid is seen to make them, and else it must be said what they are.

    Args:
        x: `(N, ...)` inputs.
        raw: `(N, K)` outputs.
        watch: what was seen in the pass that made them.
        found: the outputs as they were returned.
        again: outputs of other inputs.

    Raises:
        Unclear: they might be either.
    """
    seen = [raw.detach()]
    if not within_unit(seen[0]):
        return "logits"
    made = watch.source_of(found)
    if made is None:
        for factor in (10.0, -10.0, 1000.0, -1000.0):
            try:
                seen.append(again(factor * (x - 0.5)).detach())
            except Exception:  # noqa: BLE001 - such inputs are no network's duty
                continue
            if not within_unit(seen[-1]):
                return "logits"
    values = torch.cat([one.float() for one in seen])
    single = values.shape[1] == 1
    if not single and sum_to_one(values, raw.dtype):
        return "probabilities"
    if made is not None and made[0] == "sigmoid":
        return "probabilities" if single else "sigmoids"
    if bool((values == values[:1]).all()):
        return "logits"  # it says the same of everything, and shows nothing
    if single:
        raise Unclear(
            "its one output lies in [0, 1]: say wrap(net, outputs='probability') if it is the probability of class 1, "
            "or outputs='logit' if class 1 is above 0"
        )
    raise Unclear(
        "its outputs lie in [0, 1] and rows do not sum to 1: say wrap(net, outputs='sigmoids') if they are independent "
        "probabilities, or outputs='logits' if they are logits"
    )


def no_gradient(module: nn.Module, point: Tensor, logits: Tensor, watch: Watch) -> str | None:
    """Why the logits have no gradient with respect to the inputs `point`, as a flag; None where they have one."""
    if _is_quantised(module):
        return "quantised"  # what passes by such a layer has a gradient, and a wrong one
    if not logits.requires_grad:
        return "no-grad" if watch.grad_off or logits.is_inference() else "detached"
    try:
        (gradient,) = torch.autograd.grad(logits.sum(), point, allow_unused=True)
    except RuntimeError as error:  # NotImplementedError is one
        unable = isinstance(error, NotImplementedError) or any(word in str(error).lower() for word in _UNABLE)
        return "no-backward" if unable else None  # attacks will say what else it is
    return "detached" if gradient is None else None


def draws(first: Tensor, second: Tensor) -> bool:
    """Whether two passes over the same inputs differ by more than rounding."""
    values = first[first.isfinite()]
    spread = float(values.max() - values.min()) if len(values) else 0.0
    slack = max(SAME, 10 * torch.finfo(first.dtype).eps)
    return bool(((first - second).abs() > slack * max(spread, 1e-12)).any())


def shapes(input_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The dataset's, and flat."""
    return list(dict.fromkeys([input_shape, (prod(input_shape),)]))


def _is_quantised(module: nn.Module) -> bool:
    """Whether a layer computes with quantised weights; those of quantisation-aware training do not."""
    homes = {kind.__module__ for part in module.modules() for kind in type(part).__mro__}
    return any(home.startswith("torch.") and "quantized" in home for home in homes)
