"""Events, journals, the ledger and the DuckDB lineage store projected from them."""
