"""Documentation of features, generated from their declarations: one page a feature."""
