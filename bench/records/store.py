"""The folder of records: results, cache and means of resuming in one.

Whoever runs writes; every file appears whole or not at all, and a good record is never changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from bench.errors import UsageError
from bench.files import create_file, replace_file, temporary
from bench.progress import Say, quiet
from bench.records import aside, leftovers, listing, usable
from bench.records import examples as examples_of
from bench.records import part as parts_of
from bench.records import record as records_of
from bench.records.examples import Kept
from bench.records.part import Part, read_part
from bench.records.record import Failure, Record
from bench.records.truth import contradicted
from bench.records.usable import Missing, Unusable

Published = Literal["new", "same", "different"]
FOLDERS = "cells", "failures", "parts"
"""Those that every run has."""


class Store:
    """Records in `cells/ID.json`, failures in `failures/ID.json`, unusable files in `set-aside/`.

    `parts/` holds what is known of cells that are not whole yet, by any number of runs at once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._untold: dict[str, list[Path]] = {}
        """Kept inputs without a record, by cell, as they were when the folder was prepared."""

    # -- reading ------------------------------------------------------------------------------------------------------

    def records(self, warn: Say = quiet) -> dict[str, Record]:
        """All usable records by id. An unusable one is left alone and told of in a line."""
        paths = usable.files(self.folder / "cells")
        found = {path.stem: record for path in paths if (record := self.record(path.stem, warn)) is not None}
        if (wrong := listing.problem(self.folder)) is not None:
            warn(wrong)
        for id, why in contradicted(found, listing.listed(self.folder)).items():
            warn(f"ignored {self.path(id)}: {why}")
            del found[id]
        return found

    def failures(self, warn: Say = quiet) -> dict[str, Failure]:
        """All usable failures by id."""
        paths = usable.files(self.folder / "failures")
        return {path.stem: failure for path in paths if (failure := self.failure(path.stem, warn)) is not None}

    def record(self, id: str, warn: Say = quiet) -> Record | None:
        """One usable record, or None with a line that says what is wrong with its file."""
        path = self.path(id)
        try:
            return usable.record(path, self.folder)
        except Unusable as error:
            warn(f"ignored {path}: {error}")
            return None

    def content(self, id: str) -> bytes:
        """The bytes of a record's file.

        Raises:
            Unusable: it cannot be read.
        """
        return usable.content(self.path(id), records_of.LARGEST)

    def takes(self, record: Record, content: bytes) -> bool:
        """Whether a file would be usable here: one of the first schema may be listed with another checksum."""
        return record.schema_version > 1 or listing.bears_out(listing.listed(self.folder), record.id, content)

    def has(self, id: str) -> bool:
        """Whether a cell has a record or a failure, usable or not."""
        return any((self.folder / kind / f"{id}.json").exists() for kind in ("cells", "failures"))

    def ids(self, kind: Literal["cells", "failures"], start: str) -> list[str]:
        """Ids of the files of a kind that begin so; none of them is read."""
        return [path.stem for path in usable.files(self.folder / kind) if path.name.startswith(start)]

    def failure(self, id: str, warn: Say = quiet) -> Failure | None:
        """One usable failure, or None with a line that says what is wrong with its file."""
        path = self.folder / "failures" / f"{id}.json"
        try:
            return usable.failure(path)
        except Unusable as error:
            warn(f"ignored {path}: no failure record ({error})")
            return None

    def parts(self, warn: Say) -> list[Part]:
        """All usable parts. One that is not is told of, and made again."""
        found = []
        for path in usable.files(self.folder / "parts"):
            try:
                found.append(read_part(usable.content(path, parts_of.LARGEST)))
            except Missing:  # another run has joined it
                continue
            except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes, the file is at fault
                warn(f"ignored {path}: {usable.reason(error)}")
        return found

    def examples(self, record: Record) -> Kept | None:
        """The adversarial inputs that were kept with a record; None where there are none here.

        Raises:
            Unusable: their file is not the one that the record tells of.
        """
        content = self.examples_content(record)
        try:
            return None if content is None else examples_of.decode(content)
        except ValueError as error:
            raise Unusable(str(error)) from None

    def examples_content(self, record: Record) -> bytes | None:
        """The bytes of their file.

        Raises:
            Unusable: as above.
        """
        if record.run.examples is None:
            return None
        try:
            content = usable.content(self.examples_path(record), examples_of.LARGEST)
        except Missing:
            return None
        if examples_of.sha256(content) != record.run.examples:
            raise Unusable("its SHA-256 is not that in its record")
        return content

    def examples_path(self, record: Record) -> Path:
        """Where they stand, or would: the name tells one choice of them from another."""
        return self.folder / examples_of.FOLDER / f"{record.id}-{(record.run.examples or '')[:16]}.npz"

    def state(self) -> Iterator[tuple[str, int, int]]:
        """Name, size and time of every record and failure."""
        for kind in ("cells", "failures"):
            for path in usable.files(self.folder / kind):
                with contextlib.suppress(OSError):
                    found = path.lstat()
                    yield str(path), found.st_size, found.st_mtime_ns

    # -- writing ------------------------------------------------------------------------------------------------------

    def prepare(self, warn: Say = quiet) -> None:
        """Make the folders, try whether records can be published, and remove what runs that were killed left behind.

        `warn` is told in a line of a record that one of them was about to set aside.

        Raises:
            UsageError: they cannot be made or written.
        """
        try:
            for name in FOLDERS:
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            leftovers.sweep_all(self.folder)
            aside.resume(self.folder, warn)
            for name in FOLDERS:
                probe = temporary(self.folder / name / "probe")
                try:
                    if name != "cells":
                        probe.touch()
                    elif [create_file(probe, b""), create_file(probe, b"")] != [True, False]:
                        raise UsageError(f"{self.folder} does not keep files apart; choose another with --out")
                finally:
                    probe.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write into {self.folder} ({error.strerror}); choose another with --out") from None
        self.sweep(self.parts(quiet))
        self._untold = leftovers.untold(self.folder)

    def path(self, id: str) -> Path:
        """Where the record of a cell stands, or would."""
        return self.folder / "cells" / f"{id}.json"

    def publish(
        self, record: Record, warn: Say = quiet, content: bytes | None = None, kept: bytes | None = None
    ) -> Published:
        """Add a record unless its cell has one; never changes what is there.

        The file appears whole or not at all: written aside, flushed to the disk, then linked to its name, which fails
        where the name is taken. Returns whether the record is new, the same as the one there, or different from it.

        Args:
            record: to add.
            warn: told in a line of an unusable file in its place, which is set aside.
            content: of another copy's file, to be kept byte for byte.
            kept: the file of its adversarial inputs, which is there before the record tells of it.

        Raises:
            DiskError: it cannot be written.
        """
        path = self.path(record.id)
        outcome: Published = "new"
        if kept is not None:
            self.keep(record, kept)
        while not create_file(path, content or record.json_text().encode("ascii")):
            present = self.record(record.id)
            if present is not None:
                outcome = "same" if present.same_as(record) else "different"
                break
            aside.set_aside(self.folder, path, warn)
        if outcome == "new":
            for left in self._untold.pop(record.id, ()):
                if left != self.examples_path(record):
                    left.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (self.folder / "failures" / path.name).unlink()
        return outcome

    def keep(self, record: Record, kept: bytes) -> None:
        """Write the file of a record's adversarial inputs.

        Raises:
            DiskError: it cannot be written.
        """
        replace_file(self.examples_path(record), kept)

    def drop(self, record: Record) -> None:
        """Remove that file, of a copy of a record that is no longer there."""
        if record.run.examples is not None:
            self.examples_path(record).unlink(missing_ok=True)

    def replace(self, id: str, content: bytes) -> None:
        """Put another copy of a record, with the same cell and result, in place of the one there."""
        replace_file(self.path(id), content)

    def publish_failure(self, failure: Failure) -> None:
        """Put a failure in place of any earlier one of its cell."""
        path = self.folder / "failures" / f"{failure.id}.json"
        replace_file(path, failure.json_text().encode("ascii"))

    def publish_part(self, part: Part) -> None:
        """Keep a part until its cells are whole."""
        path = self.folder / "parts" / part.name
        replace_file(path, part.json_text().encode("ascii"))

    def sweep(self, parts: Iterable[Part]) -> None:
        """Remove those of these parts whose cells have all got their records, or failures that came after them."""
        for part in parts:
            if all(self._done_with(item.cell.id, part.run.finished) for item in part.cells):
                (self.folder / "parts" / part.name).unlink(missing_ok=True)

    def _done_with(self, id: str, made: str) -> bool:
        """Whether nobody needs what was made of a cell at a time: a failure before it is one that is tried again."""
        if self.record(id) is not None:
            return True
        failure = self.failure(id) if self.ids("failures", id) else None
        return failure is not None and failure.run.finished >= made
