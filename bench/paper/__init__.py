"""The reproduction of arXiv 1412.6572: its published numbers as data, ours beside them, and a verdict on each."""
