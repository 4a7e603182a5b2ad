"""Model files as plain arrays: trees, linear and additive models, read from any library's own form.

No reader runs code of the file.
"""
