"""What every refusal and failure owes its reader, whatever its reason."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.cli.commands import Done
from tests.kernel.running import wait_until
from tests.loop.place import Place

__all__ = ["alter", "explains", "no_run", "nothing_was_made", "processes_of", "wait_until"]


def explains(done: Done, code: int, *said: str) -> None:
    """One message with what, why and what to do next, the right exit code, and these words."""
    assert done.code == code, f"{done.code}: {done.out}{done.err}"
    message = done.err[done.err.index("governed: ") :]
    assert message.count("governed: ") == 1
    assert "Traceback" not in message
    assert "\nwhy:  " in message
    assert "\nnext: " in message
    for words in said:
        assert words in message, message


def nothing_was_made(place: Place) -> None:
    """No bundle, and nothing half-made."""
    assert not list(place.workspace.bundles.glob("*"))
    assert place.half_made() == []


def no_run(place: Place, done: Done, code: int, *said: str) -> None:
    """A run that Otto asked for: explained, on record, and nothing was started."""
    explains(done, code, *said)
    nothing_was_made(place)
    found = place.release()
    assert found["runs"] == []
    assert len(found["refusals"]) == 1
    assert found["refusals"][0]["person"] == "otto"
    what = done.err.split("governed: ", 1)[1].splitlines()[0]
    assert found["refusals"][0]["why"].startswith(what)
    assert not list(place.workspace.runs.glob("*"))


def alter(path: Path, change: Callable[[bytes], bytes] | None = None) -> None:
    """Flip one bit in the middle of a file, or change it otherwise, whatever its permissions."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    after = change(path.read_bytes()) if change else bytes(data)
    mode, folder_mode = path.stat().st_mode, path.parent.stat().st_mode
    path.parent.chmod(0o755)
    path.unlink()  # a hard link elsewhere keeps its content
    path.write_bytes(after)
    path.chmod(mode)
    path.parent.chmod(folder_mode)


def processes_of(run_id: str) -> list[int]:
    """Kernels, recorders and helpers of a run that are still alive."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if run_id.encode() in told and state not in "ZX" and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found
