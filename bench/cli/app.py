"""The command `bench`. Help, lists, dry runs, records and the leaderboard load no torch."""

from __future__ import annotations

import json
import os
import sys
import traceback
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.records.record import Failure, Record

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="How much of a classifier's accuracy is facade? Attack any fitted classifier and put it on a leaderboard.",
    epilog="Try: bench suite digits-fgsm (seconds), then: bench suite mnist-fgsm --model FILE.py",
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"potemkin-bench {version('potemkin-bench')}")
        raise typer.Exit()


@app.callback()
def options(
    shows_version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of all commands; the program's help stands in `app`."""


class Device(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Style(StrEnum):
    auto = "auto"
    plain = "plain"
    none = "none"


class RerunWhat(StrEnum):
    failed = "failed"
    all = "all"


class Format(StrEnum):
    md = "md"
    csv = "csv"
    json = "json"


class Budget(StrEnum):
    quick = "quick"
    full = "full"


class Kind(StrEnum):
    suites = "suites"
    models = "models"
    attacks = "attacks"
    datasets = "datasets"
    families = "families"


Out = Annotated[Path, typer.Option("--out", help="Folder for records and leaderboard.md.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback where something goes wrong.")]
ProgressStyle = Annotated[Style, typer.Option("--progress", help="auto: a bar on a terminal, plain lines elsewhere.")]
DEFAULT_OUT = Path("bench-out")


@app.command()
def suite(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.yaml", help="A suite; see: bench list suites.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME|FILE.py[:OBJECT]",
            help="Run just this model, against the suite's reference models in transfer; may be repeated.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="A short look: a stratified sample of so many examples.")
    ] = None,
    budget: Annotated[
        Budget, typer.Option("--budget", help="quick: models not made yet are made in minutes, and say so.")
    ] = Budget.full,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PATH", help="The data, for a dataset that is read from a path.")
    ] = None,
    device: Annotated[Device, typer.Option("--device", help="auto: CUDA where there is a device.")] = Device.auto,
    out: Out = DEFAULT_OUT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and run nothing.")] = False,
    rerun: Annotated[
        RerunWhat | None,
        typer.Option("--rerun", help="failed: try failed cells again. all: recompute, compare, overwrite nothing."),
    ] = None,
    ignore_published: Annotated[
        bool, typer.Option("--ignore-published", help="Do not reuse the records in ./results.")
    ] = False,
    progress: ProgressStyle = Style.auto,
    debug: Debug = False,
) -> None:
    """Run a suite: only what is missing is run, so the same command resumes."""
    from bench.cli.outcome import outcome, planned
    from bench.progress import progress as telling
    from bench.running.session import Session, Shelf, write_leaderboard

    shelf = Shelf(out, with_published=not ignore_published)
    with telling(progress.value) as teller:
        session = Session(
            name,
            progress=teller,
            shelf=shelf,
            model_specs=model or [],
            limit=limit,
            device=device.value,
            budget=budget.value,
            data=data,
            load=not dry_run,
        )
        missing = session.missing(rerun.value if rerun else None)
        if dry_run:
            typer.echo("\n".join(planned(session, missing)))
            return
        summary = session.run(missing) if missing else None
    _print_board(session.suite, session.board())
    write_leaderboard(shelf, session.suite)
    command = ["bench suite", name, *(f"--model {spec}" for spec in model or [])]
    command += [f"--budget {budget.value}"] * (budget is not Budget.full)
    command += [f"--data {data}"] * (data is not None)
    command += [f"--out {out}"] * (out != DEFAULT_OUT)
    lines, code = outcome(session, summary, " ".join(command))
    typer.echo("\n".join(lines))
    raise typer.Exit(code)


@app.command()
def check(
    model: Annotated[str, typer.Argument(metavar="MODEL|FILE.py[:OBJECT]", help="A model, as --model of a suite.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Whose test examples to show; else the registered one, or mnist.")
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Number of examples, drawn from all classes alike.")] = 200,
    device: Annotated[Device, typer.Option("--device", help="auto: CUDA where there is a device.")] = Device.auto,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    debug: Debug = False,
) -> None:
    """Check a model before its numbers count: labels, scores, gradients. Exits with 1 where a check fails."""
    from bench.cli.checking import reports

    found = []
    for name, data, report in reports(model, dataset=dataset, n=n, device=device.value, say=_warn):
        found.append({"model": name, "dataset": data, **report.as_dict()})
        if not as_json:
            _print_table(report.table(f"{name} on {data}"))
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    if not all(entry["ok"] for entry in found):
        raise typer.Exit(1)


@app.command("list")
def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    debug: Debug = False,
) -> None:
    """List what there is: suites, reference and registered models, attacks, datasets, compiled families."""
    from bench.cli import catalogue
    from bench.table import Table

    entries = getattr(catalogue, kind.value)()
    if as_json:
        typer.echo(json.dumps(entries, indent=1))
        return
    headers = tuple(entries[0]) if entries else ()
    lines = tuple(tuple(_plain(value) for value in entry.values()) for entry in entries)
    _print_table(Table(kind.value, headers, lines))


@app.command()
def show(
    cell: Annotated[str, typer.Argument(metavar="CELL", help="The id of a cell, or its first characters.")],
    out: Out = DEFAULT_OUT,
    debug: Debug = False,
) -> None:
    """Show one record, for people."""
    from bench.report.card import describe
    from bench.running.session import Shelf

    shelf = Shelf(out)
    found: dict[str, Record | Failure] = {**shelf.failures(_warn), **shelf.records(_warn)}
    hits = [item for id, item in found.items() if id.startswith(cell)]
    if not hits:
        raise UsageError(
            f"no record {cell!r} in {out / 'results'} or ./results; bench leaderboard --format json has ids"
        )
    if len(hits) > 1:
        raise UsageError(f"{cell!r} begins the ids of {len(hits)} records, such as {hits[0].id}; give more of it")
    typer.echo(describe(hits[0]))


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="A reference model; see: bench list models.")],
    dataset: Annotated[str, typer.Option("--dataset", help="Which dataset's model of that name.")] = "mnist",
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of images in place of the dataset's own files.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the weights and the card; default: the user's cache.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Fewer than the recipe's: a trial, never put to use.")
    ] = None,
    device: Annotated[Device, typer.Option("--device", help="auto: CUDA where there is a device.")] = Device.auto,
    quick: Annotated[
        bool, typer.Option("--quick", help="By the quick recipe of bench paper --budget quick, where there is one.")
    ] = False,
    progress: ProgressStyle = Style.auto,
    debug: Debug = False,
) -> None:
    """Train or refit a reference model by its recipe."""
    from bench import zoo
    from bench.datasets import open_dataset, options_of
    from bench.progress import progress as telling

    if data is not None and "path" not in options_of(dataset):
        raise UsageError(f"dataset {dataset} is read from no path; leave out --data")
    with telling(progress.value) as teller:

        def step(done: int, total: int, text: str) -> None:
            teller.doing(f"training {model}: {text}", done / max(total, 1))

        card = zoo.train(
            open_dataset(dataset, **({} if data is None else {"path": data})),
            model,
            out=out,
            epochs=epochs,
            budget="quick" if quick else "full",
            device=device.value,
            progress=step,
        )
    typer.echo(f"{model} on {dataset}: {card.verdict}, fingerprint {card.fingerprint[:12]}")


@app.command()
def leaderboard(
    suite: Annotated[
        str | None, typer.Argument(metavar="[SUITE|FILE.yaml]", help="One suite; without, all that have records.")
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="json and csv are for programs.")] = Format.md,
    check: Annotated[
        bool, typer.Option("--check", help="Fail when ./leaderboard.md does not match the records in ./results.")
    ] = False,
    beside: Annotated[
        bool, typer.Option("--beside-published", help="Our records in --out beside those published in ./results.")
    ] = False,
    out: Out = DEFAULT_OUT,
    debug: Debug = False,
) -> None:
    """Print the leaderboard; from records alone."""
    from bench import table
    from bench.planning.suite import load_suite, names
    from bench.report.definitions import DEFINITIONS
    from bench.running import session as sessions

    if check:
        _check()
        return
    shelf = sessions.Shelf(out)
    if beside:
        from bench.report.beside import compared

        chosen = load_suite(suite or "mnist-fgsm")
        data = sessions.dataset_of(chosen)
        ours = sessions.board_of(chosen, data, sessions.Shelf(out, with_published=False))
        published = sessions.board_of(chosen, data, sessions.Shelf(Path()))
        if not ours or not published:
            raise UsageError(f"no records of {chosen.suite} in {'./results' if ours else out / 'results'} to compare")
        _print_table(compared(chosen, ours, published))
        return
    boards = []
    for name in [suite] if suite else names():
        chosen = load_suite(name)
        boards.append((chosen, sessions.board_of(chosen, sessions.dataset_of(chosen), shelf, _warn)))
    rows = [row.as_dict() for _, board in boards for row in board]
    if not rows and format is Format.md:
        raise UsageError(
            f"no records of {f'suite {boards[0][0].suite}' if suite else 'any suite'} yet in ./results or "
            f"{out / 'results'}; make some with: bench suite {suite or 'digits-fgsm'}"
        )
    if format is Format.json:
        typer.echo(table.as_json(rows))
    elif format is Format.csv:
        typer.echo(table.as_csv(rows), nl=False)
    elif suite is None:
        typer.echo(sessions.leaderboard(shelf), nl=False)
    else:
        _print_board(*boards[0])
        typer.echo(DEFINITIONS, nl=False)


@app.command()
def paper(
    budget: Annotated[
        Budget, typer.Option("--budget", help="quick: within 20 minutes on two cores. full: all that the paper did.")
    ] = Budget.quick,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FOLDER", help="Images train/CLASS/ and test/CLASS/ in place of the official CIFAR-10."
        ),
    ] = None,
    device: Annotated[Device, typer.Option("--device", help="auto: CUDA where there is a device.")] = Device.auto,
    out: Out = DEFAULT_OUT,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    progress: ProgressStyle = Style.auto,
    debug: Debug = False,
) -> None:
    """The paper's numbers, row by row, ours beside them; writes paper.md. The same command resumes."""
    from bench.paper.document import tables
    from bench.paper.reproduce import reproduce
    from bench.progress import progress as telling
    from bench.running.session import Shelf

    with telling(progress.value) as teller:
        found = reproduce(budget.value, Shelf(out), progress=teller, device=device.value, data=data)
    if as_json:
        typer.echo(json.dumps([line.as_dict() for line in found.lines], indent=1))
    else:
        for table in tables(found.lines):
            _print_table(table)
        typer.echo(f"written to {found.path}")
    if found.interrupted:
        _warn("interrupted; the same command goes on from here")
    raise typer.Exit(130 if found.interrupted else int(found.failed > 0))


# -- what the commands share ------------------------------------------------------------------------------------------


def _check() -> None:
    from bench.running.session import Shelf, leaderboard

    path = Path("leaderboard.md")
    if not path.is_file():
        raise UsageError("no leaderboard.md here; run this where ./results and ./leaderboard.md are")
    expected = leaderboard(Shelf(Path()), _warn)
    if path.read_text(encoding="utf-8") != expected:
        typer.echo("leaderboard.md does not match the records in ./results; bring it up to date with: make publish")
        raise typer.Exit(1)
    typer.echo("leaderboard.md matches the records in ./results")


def _print_board(suite: Any, rows: list[Any]) -> None:
    from bench.report.boards import tables

    for table in tables(suite, rows):
        _print_table(table)


def _print_table(table: Any) -> None:
    """A drawn table on a terminal, Markdown elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.measure import Measurement

        console = Console()
        drawn = table.rich()
        if Measurement.get(console, console.options.update(width=1000), drawn).maximum > console.width:
            drawn = table.rich(narrow=True)
        # Too narrow a terminal breaks the lines itself: a broken line can be read, a cropped column cannot.
        needed = Measurement.get(console, console.options.update(width=1000), drawn).minimum
        Console(width=max(console.width, needed)).print(drawn)
    else:
        typer.echo(table.markdown() + "\n")


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)


def _warn(line: str) -> None:
    typer.echo(line, err=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command; every error of use is one line and exit code 2."""
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    _complain_of_namesakes()
    usage_error = cast("type[Exception]", typer.BadParameter.__mro__[1])
    try:
        code = app(args=arguments, prog_name="bench", standalone_mode=False)
    except (UsageError, usage_error) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        message = message.replace("Value error, ", "")  # of pydantic, which typer asks about choices
        sys.exit(_complain(message))
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted; the same command goes on from here\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - a fault of ours or of the machine is still one line
        if "--debug" in arguments:
            traceback.print_exc()
        sys.stderr.write(f"bench: {type(error).__name__}: {' '.join(str(error).split())} (--debug shows where)\n")
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _complain_of_namesakes() -> None:
    """End where another distribution's package of one of our names comes first."""
    import adapters
    import bench
    import suites

    ours = Path(__file__).resolve().parents[2]
    for package in (adapters, bench, suites):
        found = Path(package.__file__ or "").resolve()
        if found.parents[1] != ours:
            name = package.__name__
            sys.exit(
                _complain(
                    f"package {name} is another one, {found.parent}; give potemkin-bench an environment of its own"
                )
            )


def _complain(message: str) -> int:
    sys.stderr.write(f"bench: {' '.join(message.split())}\n")
    return 2
