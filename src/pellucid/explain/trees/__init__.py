"""Exact attributions of tree ensembles: one representation, read from any library, one kernel."""
