"""Result table to figure: plain dictionaries with colour tokens, drawn by plotly or a browser."""
