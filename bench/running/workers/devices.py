"""Which CUDA devices are dealt to worker processes: those that this process may use, by the names that it was given.

`CUDA_VISIBLE_DEVICES` numbers the devices that a process sees from 0 on, whatever it names. A worker's variable is read
afresh, against all devices of the machine, so it has to hold an entry of this process's own list: a number, the
beginning of a UUID, or a MIG instance (CUDA C++ Programming Guide, "CUDA Environment Variables").
"""

from __future__ import annotations

import os

VARIABLE = "CUDA_VISIBLE_DEVICES"


def cuda_devices() -> list[str]:
    """The CUDA devices that this process sees, as its workers are to be told of them."""
    import torch

    return entries(os.environ.get(VARIABLE), torch.cuda.device_count())


def entries(setting: str | None, seen: int) -> list[str]:
    """What the variable says of the devices that a process sees, one a device, in its order.

    Args:
        setting: the variable; None where it is not set, which is all devices of the machine.
        seen: number of devices that the process sees.

    Returns: no more entries than devices: those after an entry that is none of the machine's, such as -1, count for
    nothing, and neither does what was put into the variable after the devices were counted.
    """
    if setting is None:
        return [str(number) for number in range(seen)]
    listed = [entry.strip() for entry in setting.split(",")]
    end = next((place for place, entry in enumerate(listed) if entry in ("", "-1")), len(listed))
    return listed[: min(seen, end)]
