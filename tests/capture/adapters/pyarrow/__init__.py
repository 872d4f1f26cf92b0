"""pyarrow: tables, datasets, compute and files."""
