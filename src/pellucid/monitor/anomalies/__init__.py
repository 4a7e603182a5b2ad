"""Anomalies: what a metric did that its own past does not explain, over many series at once."""
