"""The loop, for what happens around a run."""

from tests.loop.stages import stages

__all__ = ["stages"]
