"""Work in other processes of this machine: an executor, the objects its workers share, and what a crash looks like.

Functions, arguments, results and shared objects go as pickles. Nothing is ever unpickled from a file or from a
stranger: only what came over the private pipe between a worker and the process that started it, or from a block of
memory whose SHA-256 came over that pipe.
"""

from __future__ import annotations

from bench.running.workers.local import LocalWorkers
from bench.running.workers.pool import processes
from bench.running.workers.process import RemoteError, WorkerCrashed
from bench.running.workers.shared import Shared

__all__ = ["LocalWorkers", "RemoteError", "Shared", "WorkerCrashed", "processes"]
