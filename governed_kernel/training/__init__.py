"""Determinism and constrained adaptation of base models."""
