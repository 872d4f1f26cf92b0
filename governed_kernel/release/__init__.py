"""Promotion checks, the release registry, runs and bundles; `save_adapter` for notebooks."""
