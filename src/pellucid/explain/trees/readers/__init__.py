"""Readers: each library's own model file as an ensemble; none of them runs code of the file."""
