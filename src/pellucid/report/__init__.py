"""One static HTML file that shows a system's numbers and one decision, and opens offline."""
