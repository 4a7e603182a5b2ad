"""Module 3: why one decision went where it went, and what each policy layer changed."""
