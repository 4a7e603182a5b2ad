"""One decision: told in order, and what would have sent it elsewhere."""
