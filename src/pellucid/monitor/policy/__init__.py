"""The policy's health: where ML does worse than without it, and what other policies would earn."""
