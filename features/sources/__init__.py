"""Files in: CSV, Parquet and XES through a declared mapping."""
