"""Verification from bytes up, and re-runs held against the original."""
