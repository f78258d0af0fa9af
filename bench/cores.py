"""How the processes of one run share the processor's cores."""

from __future__ import annotations

import os


def share_the_cores() -> None:
    """Let threads that wait sleep, unless the user has said otherwise. To be called before torch is loaded.

    By default OpenMP's spin for a while: the judge's then take the cores from the process of the model that it waits
    for, and the other way round, which on two cores makes a run half as long again.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
