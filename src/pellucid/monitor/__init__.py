"""Module 2: metrics over windows, segments and breakdowns."""
