"""Gradient boosting libraries: fitted XGBoost, LightGBM and CatBoost classifiers compiled to torch.

Each adapter reads its library's own dump of the model. Importing this package loads none of the libraries.
"""
