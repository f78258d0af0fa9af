"""The product's attacks and certificates on models whose worst cases are known: `bench selftest`.

A family is one file here, or one class in a file, and one line in `bench.registry`.
"""
