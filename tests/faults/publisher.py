"""A process that publishes: a failure, a part, and the records that follow, each after the inputs kept with it.

It says of each record when it is there.

`python -m tests.faults.publisher FOLDER`. With `FAULT=CALL:N:KIND` in the environment the N-th call of that function of
`os` after the start raises the error KIND (with a +, each one from then on), or is the process's last where KIND is
`KILL`: for machines without strace.
"""

from __future__ import annotations

import base64
import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from handmade import cell, failure, model, record, run

from bench.errors import UsageError
from bench.records.examples import Kept, encode, sha256
from bench.records.part import CellPart, Part, packed
from bench.records.store import Store

KEPT = {
    cell(model(name)).id: encode(
        Kept(
            index=np.asarray([0, 2]),
            adversarial=np.full((2, 4), number, np.float32),
            predicted=np.asarray([0, 2]),
        )
    )
    for number, name in enumerate("ab")
}
"""Inputs, by the id of their cell."""
RECORDS = [record(asked, run=run(examples=sha256(KEPT[asked.id]))) for asked in (cell(model(name)) for name in "ab")]
PART = Part(
    craft=RECORDS[0].cell.craft.id,
    number=0,
    of=1,
    classes=3,
    cells=tuple(
        CellPart(
            cell=item.cell,
            columns={name: packed(np.asarray([0, 1, 2, 0, 1, 1])) for name in ("labels", "true")},
            keep=2,
            kept=base64.b64encode(KEPT[item.id]).decode(),
        )
        for item in RECORDS
    ),
    run=RECORDS[0].run,
)
START, END = "publishing-begins", "publishing-ends"
"""Files that are looked for, to be seen in a trace of the system calls."""


def publish(folder: Path) -> None:
    """What a run does with what a part came to."""
    store = Store(folder / "results")
    store.prepare()
    if store.failure(RECORDS[0].id) is None and store.record(RECORDS[0].id) is None:
        store.publish_failure(failure(RECORDS[0].cell))
    store.publish_part(PART)
    for item in RECORDS:
        store.publish(item, kept=KEPT[item.id])
        os.writev(1, [f"{item.id}\n".encode()])  # no call of publishing, nor one that faults are made at
    store.sweep([PART])


def _break(call: str, number: int, kind: str) -> None:
    real, calls = getattr(os, call), 0

    def faulty(*given: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and kind == "KILL":
            os.kill(os.getpid(), signal.SIGKILL)
        if calls == number or (calls > number and kind.endswith("+")):
            code = getattr(errno, kind.rstrip("+"))
            raise OSError(code, os.strerror(code))
        return real(*given, **more)

    setattr(os, call, faulty)


def main(folder: Path) -> int:
    """Publish; 2 with a line where something fails."""
    if fault := os.environ.get("FAULT"):
        call, number, kind = fault.split(":")
        _break(call, int(number), kind)
    os.access(folder / START, os.F_OK)
    try:
        publish(folder)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    finally:
        os.access(folder / END, os.F_OK)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
