"""Checks: how they are read, bound to a system and evaluated."""
