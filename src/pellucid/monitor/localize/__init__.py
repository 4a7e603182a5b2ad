"""Where a change comes from: the slices, combinations of dimensions, that account for it."""
