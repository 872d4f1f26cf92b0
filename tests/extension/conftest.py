from __future__ import annotations

from tests.loop.stages import stages

__all__ = ["stages"]
