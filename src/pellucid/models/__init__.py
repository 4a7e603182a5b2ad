"""Model files as plain arrays: one representation of trees, read from any library's own format.

No reader runs code of the file.
"""
