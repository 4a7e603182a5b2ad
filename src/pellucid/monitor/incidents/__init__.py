"""Incidents: alerts of one cause, with their states."""
