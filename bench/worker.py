"""`python -m bench.worker PARENT`: a worker process, started by `bench.running.workers` and of no use to a person."""

from __future__ import annotations

import sys

from bench.running.workers.serving import serve

if __name__ == "__main__":
    serve(int(sys.argv[1]))
