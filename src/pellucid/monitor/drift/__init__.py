"""Drift: what changed in the distribution of columns, how much, and beyond what chance would do."""
