"""Catalog, data classes, people, keys, signatures and approvals."""
