"""Boards as data: rows, ranking, flags, transfer. A pure function of a suite and its records."""
