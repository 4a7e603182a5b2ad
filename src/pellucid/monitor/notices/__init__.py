"""Notices of incidents: who has to be told what, the words, the sending, and Prometheus."""
