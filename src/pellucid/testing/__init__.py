"""Public helpers for tests: worlds with known truth and conformance checks."""
