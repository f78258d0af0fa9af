"""Verifying: what records claim, recomputed by a small path of its own that shares nothing with attacks and judge."""
