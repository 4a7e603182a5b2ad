"""HTTP and nothing else: pages, briefs and a read-only API over one folder of systems."""
