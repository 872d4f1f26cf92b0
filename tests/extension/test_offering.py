"""What launchers are told, whoever manages the kernels."""

from __future__ import annotations

from typing import Any

from governed_server.offering import offer_research_only

from .awaiting import awaited

SPECS: dict[str, Any] = {"governed-release": {}, "governed-research": {}, "python3": {}}


class _AtOnce:
    """Answers as the manager of jupyter_client does."""

    def get_all_specs(self) -> dict[str, Any]:
        return SPECS


class _Awaited:
    """Answers as the manager of a gateway does."""

    async def get_all_specs(self) -> dict[str, Any]:
        return SPECS


def test_who_is_answered_at_once_is_answered_at_once_still() -> None:
    manager = _AtOnce()
    offer_research_only(manager)
    assert sorted(manager.get_all_specs()) == ["governed-research", "python3"]


def test_who_awaits_the_answer_awaits_it_still() -> None:
    manager = _Awaited()
    offer_research_only(manager)
    assert sorted(awaited(manager.get_all_specs())) == ["governed-research", "python3"]
