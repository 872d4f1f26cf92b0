"""Whole notebooks as people write them: what changes when a column of a table changes is told."""
