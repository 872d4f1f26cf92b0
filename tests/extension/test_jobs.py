"""Long work beside short questions."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from governed_server.service import Service


def test_however_many_jobs_go_on_a_question_is_answered(tmp_path: Path) -> None:
    """A re-run takes minutes; six of them kept every panel waiting."""
    service = Service(cast("Any", SimpleNamespace(root_dir=str(tmp_path))))
    end = threading.Event()
    started = [service.jobs.start("audit/rerun", lambda _: end.wait(60))["job"] for _ in range(20)]
    try:
        assert asyncio.run(_asked(service)) == "answered"
        assert {service.jobs.job(name).state for name in started} == {"running"}
    finally:
        end.set()


async def _asked(service: Service) -> str:
    return await asyncio.wait_for(service.in_thread(lambda: "answered"), timeout=30)
