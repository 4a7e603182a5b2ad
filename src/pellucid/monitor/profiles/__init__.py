"""Profiles: what the values of a column were, in a few kilobytes that add up over any window."""
