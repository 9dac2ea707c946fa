"""The supervised businesses, one file each."""
