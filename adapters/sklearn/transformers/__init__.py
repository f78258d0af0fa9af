"""Fitted scikit-learn transformers compiled to torch: what comes before the last step of a pipeline.

`table.py` maps a transformer class to what compiles it; `base.py` says what that is. Importing this package loads
neither torch nor scikit-learn.
"""
