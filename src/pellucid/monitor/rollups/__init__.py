"""Hourly cells of every metric, kept up to date, so that a year answers without reading a row."""
