"""Ways to log without writing logging code; each module needs only what it adapts to."""
