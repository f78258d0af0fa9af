"""Estimators made of others: each is an adapter made of adapters."""
