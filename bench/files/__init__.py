"""Files that are read within limits, and that appear whole or not at all, whatever ends the program meanwhile."""

from __future__ import annotations

from bench.files.reading import Refused, read_file, size_text
from bench.files.temporary import DAY, left_behind, sweep, temporary
from bench.files.writing import create_file, move_new, replace_file, whole_file

__all__ = [
    "DAY", "Refused", "create_file", "left_behind", "move_new", "read_file", "replace_file", "size_text", "sweep",
    "temporary", "whole_file",
]  # fmt: skip
