"""Suites of validation cases, scenarios, gates and their evidence."""
