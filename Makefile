# make bench   run the main suite for real and print our board beside the published one
# make test    linters, types, tests, and whether leaderboard.md matches its records
# make test-all   the same with the tests that are marked `thorough`, which take as long again
# make test-lowest   the fast tests with the lowest versions that pyproject.toml claims; best with PYTHON=python3.11.
#              TORCH=2.13.0 takes that torch in place of the lowest, of which there may be no small build without CUDA
# make speed   compare with other libraries in an environment of its own; writes docs/performance.md
# make peers   hold other libraries' attacks against ours, in an environment of their own (hours; goes on where it was
#              stopped); writes docs/peers.md
# make faults  kill, break and damage on purpose, some thousand times (half an hour); writes docs/faults.md
# make docs    the site, into docs/_build/html; a warning is an error
# make tutorials   run docs/tutorials anew and put what their commands print into the pages
# make pictures  take the screenshots of docs/page.md anew, with Chromium
# make publish run the published suites into results/ and leaderboard.md, and draw docs/figures/board.png
#
# All of them set themselves up. PYTHON chooses the interpreter, PIP_ARGS passes options to pip, such as an index, and
# WORKERS the number of processes that share the tests: one more than cores, since many wait for processes they start.

PYTHON ?= python3
PIP_ARGS ?=
TORCH ?=
WORKERS ?= 3
SHARED := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin
PUBLISHED := mnist-fgsm mnist-transfer mnist-rubbish mnist-worst-case mnist-anchors

.PHONY: bench test test-all test-lowest speed peers faults docs tutorials pictures publish clean

bench: $(VENV)/.ready
	$(BIN)/bench suite mnist-fgsm --ignore-published
	$(BIN)/bench compare . bench-out --suite mnist-fgsm

test: CHOSEN := -m "not thorough"
test test-all: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(CHOSEN) $(SHARED)
	$(BIN)/bench leaderboard --check

test-lowest: .venv-lowest/.ready
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -m "not slow and not thorough" $(SHARED)

publish: $(VENV)/.ready
	for suite in $(PUBLISHED); do $(BIN)/bench suite $$suite --out . || exit; done
	$(BIN)/bench draw mnist-worst-case --together docs/figures/board.png

speed: .venv-speed/.ready
	.venv-speed/bin/python -m tests.speed

peers: .venv-peers/.ready
	.venv-peers/bin/python -m tests.peers

faults: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults

docs: $(VENV)/.ready
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

tutorials: $(VENV)/.ready
	$(BIN)/python -m tests.tutorials

pictures: $(VENV)/.ready
	$(BIN)/python -m tests.page_pictures

clean:
	rm -rf .venv .venv-lowest .venv-lowest.txt .venv-speed .venv-peers .peers docs/_build bench-out

# A stamp that is newer than what it was made from: the environment is made anew when either file changes.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(call make_environment,$(VENV),-e '.[dev]' -c constraints.txt)

.venv-lowest/.ready: pyproject.toml tests/lowest.py
	$(PYTHON) tests/lowest.py $(TORCH:%=torch==%) >.venv-lowest.txt
	$(call make_environment,.venv-lowest,-e '.[dev]' -c .venv-lowest.txt)

# Without the extra `dev`: what its tests of S3 need and what torchattacks pins do not go together.
.venv-speed/.ready: pyproject.toml constraints.txt tests/speed/requirements.txt
	$(call make_environment,.venv-speed,-e . -r tests/speed/requirements.txt)

.venv-peers/.ready: pyproject.toml constraints.txt tests/peers/requirements.txt
	$(call make_environment,.venv-peers,-e . -r tests/peers/requirements.txt)

define make_environment
	@command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) here; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	    { echo "$(PYTHON) lacks ensurepip; install Debian's package python3-venv (or your system's like of it)" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) $(2)
	@touch $(1)/.ready
endef
