"""Explainers: one small adapter for each family of models, found by the framework's name."""
