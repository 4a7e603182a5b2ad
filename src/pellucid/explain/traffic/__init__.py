"""Where traffic goes and why: flow, layers, terms replayed, and other policies."""
