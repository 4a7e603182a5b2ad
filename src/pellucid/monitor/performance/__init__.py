"""Performance: measured on mature labels, estimated before them, and how probabilities hold."""
