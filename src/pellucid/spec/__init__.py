"""Definitions as plain values: system, metric, segment, expression; their codec and fingerprint."""
