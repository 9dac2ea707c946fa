"""Parts of a simulated district: one scenario each, from drafted histories to table and truth."""
