"""Worker processes, started by `bench.running` and of no use to a person.

`python -m bench.worker PARENT` runs parts of jobs for the process of that number; `python -m bench.worker model
REQUESTS REPLIES LIFE` holds one model and answers questions, over pipes of those numbers.
"""

from __future__ import annotations

import sys

from bench.cores import share_the_cores

if __name__ == "__main__":
    share_the_cores()
    if sys.argv[1] == "model":
        from bench.running.isolation.serving import serve as serve_model

        serve_model(*map(int, sys.argv[2:5]))
    else:
        from bench.running.workers.serving import serve

        serve(int(sys.argv[1]))
