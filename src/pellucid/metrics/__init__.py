"""The catalogue of built-in metric definitions: pure data, made from a system's spec."""
