"""The standard record: its fields, its tables, and the validation of a batch against them."""
