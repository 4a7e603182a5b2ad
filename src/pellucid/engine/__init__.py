"""Execution: one plan, run by DuckDB, or by a slow reference engine that the tests trust."""
