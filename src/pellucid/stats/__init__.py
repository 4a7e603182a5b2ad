"""Numbers: pure functions on arrays and measures."""
