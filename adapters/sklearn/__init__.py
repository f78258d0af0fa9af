"""Fitted scikit-learn classifiers compiled to torch.

`table.py` maps an estimator class to the adapter that compiles it; each other file is one model family. To add a
family, write its file and add its line to the table.

Importing this package loads neither torch nor scikit-learn.
"""
