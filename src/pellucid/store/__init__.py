"""Tables on disk or object store: append with exactly-once effect, prune, check, compact."""
