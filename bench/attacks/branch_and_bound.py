"""Worst cases of networks: what linear bounds leave open, by branch and bound over rectifiers and maxima."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from adapters.errors import Unsupported
from bench.attacks.worst_case import WorstCase

if TYPE_CHECKING:
    from adapters.structures.base import Structure
    from bench.exact.base import Effort


class BranchAndBound(WorstCase):
    """As `worst-case`, and then a search of each example that it leaves open (`bench.exact.splitting`).

    Checked on small networks of rectifiers, of maxima and of both against mixed-integer programmes and against one
    linear programme for every pattern of pieces, all by HiGHS, and against the published exact worst case of the net of
    Wong & Kolter 2018 (Tjeng, Xiao & Tedrake 2019, arXiv 1711.07356, table 1).
    """

    name: ClassVar[str] = "branch-and-bound"
    title: ClassVar[str] = "branch and bound"
    summary: ClassVar[str] = "networks: as worst-case, then branch and bound over rectifiers and maxima"

    nodes: Annotated[int, Field(ge=1)] = 1000
    """Nodes of the search for one rival of one example, at most."""

    def effort(self) -> Effort:
        """How far to go, from now on."""
        from bench.exact.base import Effort

        return Effort(sizes=tuple(sorted(self.sizes)), seconds=self.seconds, nodes=self.nodes)

    def taken(self, structure: Structure) -> Structure:
        """Networks, in which something is rectified or the largest of several."""
        from adapters.structures import Network

        if not isinstance(structure, Network) or not structure.bends():
            raise Unsupported(f"it splits units of networks, and the model is {structure.kind}")
        return structure
