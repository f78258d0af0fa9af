"""Claims: comparisons of measured numbers that a published result is held to where its digits are not met."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from dataclasses import dataclass

COMPARE = {ast.GtE: operator.ge, ast.LtE: operator.le, ast.Gt: operator.gt, ast.Lt: operator.lt}


@dataclass(frozen=True)
class Claim:
    """Comparisons that must all hold, such as `error >= 0.8 and error > noise + 0.1`."""

    comparisons: tuple[ast.Compare, ...]

    @property
    def names(self) -> set[str]:
        """The measured numbers that it speaks of."""
        return {_text(node) for part in self.comparisons for node in ast.walk(part) if isinstance(node, ast.Name)}

    def holds(self, measured: Mapping[str, float]) -> bool | None:
        """Whether all comparisons hold; None where one of its numbers was not measured."""
        if not self.names <= measured.keys():
            return None
        sides = [[_value(side, measured) for side in (part.left, *part.comparators)] for part in self.comparisons]
        return all(COMPARE[type(part.ops[0])](*pair) for part, pair in zip(self.comparisons, sides, strict=True))


def parse(text: str) -> Claim:
    """The claim that a text states.

    Raises:
        ValueError: the text is no list of comparisons joined by `and`.
    """
    try:  # names may have hyphens, and nothing is ever subtracted
        whole = ast.parse(text.strip().replace("-", "__"), mode="eval").body
    except SyntaxError:
        raise ValueError(f"{text!r} is no comparison such as error >= 0.8") from None
    comparisons = []
    for part in whole.values if isinstance(whole, ast.BoolOp) and isinstance(whole.op, ast.And) else [whole]:
        if not isinstance(part, ast.Compare) or len(part.ops) > 1 or type(part.ops[0]) not in COMPARE:
            raise ValueError(f"{_text(part)!r} is no comparison such as error >= 0.8")
        comparisons.append(part)
    claim = Claim(tuple(comparisons))
    claim.holds(dict.fromkeys(claim.names, 0.0))
    return claim


def _value(node: ast.expr, measured: Mapping[str, float]) -> float:
    match node:
        case ast.BinOp(left=ast.Name() as left, op=ast.Add(), right=ast.Constant() as right):
            return _value(left, measured) + _value(right, measured)
        case ast.Name() if (name := _text(node))[0].islower():
            return measured[name]
        case ast.Constant(value=float() | int() as number) if not isinstance(number, bool):
            return number
    raise ValueError(f"{_text(node)!r} is neither the name of a number nor a number")


def _text(node: ast.expr) -> str:
    return ast.unparse(node).replace("__", "-")
