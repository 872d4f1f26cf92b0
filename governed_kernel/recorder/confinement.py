"""What the kernel of a release run may touch: its ticket, its environment, and nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec

from governed_kernel.errors import Refused
from governed_kernel.recorder import environment, shared_memory
from governed_kernel.recorder.landlock import Rule

__all__ = ["Confinement", "Ticket", "devices", "read_ticket"]


class Ticket(msgspec.Struct, frozen=True):
    """The part of a run's ``ticket.json`` that confines its kernel."""

    run_id: str
    kind: str
    read: list[str]
    write: list[str]
    pid: Annotated[int, msgspec.Meta(gt=0)]


def read_ticket(path: Path) -> Ticket:
    """Read a run's ticket.

    Raises
    ------
    Refused
        There is none, or it is no ticket.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ticket)
    except (OSError, msgspec.MsgspecError) as error:
        raise Refused(
            "the release kernel has no valid ticket",
            why=f"{path}: {error}",
            next="run an approved release with 'governed run RELEASE'",
        ) from error


class Confinement:
    """Landlock rules of one release kernel.

    Parameters
    ----------
    ticket_path : str
        Where the ticket lies; the kernel may read it.
    connection_file : str
        The file that names the sockets between kernel and client; its folder is writable.
    private_memory : bool
        Whether ``/dev/shm`` is the run's own; otherwise the kernel does not reach it.

    Notes
    -----
    The run's worker gives the kernel a home and a temporary folder among the ticket's writable
    paths, so that libraries find a place for their caches.
    """

    def __init__(self, ticket_path: str, connection_file: str, *, private_memory: bool) -> None:
        self.ticket_path = Path(ticket_path).resolve()
        self.ticket = read_ticket(self.ticket_path)
        self.connection = Path(connection_file).resolve().parent if connection_file else None
        self._readable = [Path(path).resolve() for path in self.ticket.read]
        self._readable.append(self.ticket_path)
        self._writable = [Path(path).resolve() for path in self.ticket.write]
        if self.connection is not None:
            self._writable.append(self.connection)
        self._private_memory = private_memory

    def rules(self) -> list[Rule]:
        """Everything the kernel may reach."""
        rules = [Rule(path, read=True) for path in self._readable]
        rules += [Rule(path, read=True, write=True) for path in self._writable]
        rules += [Rule(path, read=True, execute=True) for path in _software()]
        # importing needs the names in a source folder, not the files beside the packages
        rules += [Rule(Path(path), names=True) for path in sys.path if os.path.isdir(path)]
        rules += [Rule(Path(path), read=True) for path in ("/etc", "/proc", "/sys", "/run/nvidia")]
        rules += [Rule(path, device=True) for path in devices()]
        if self._private_memory:
            rules.append(Rule(Path(shared_memory.FOLDER), read=True, write=True))
        return rules

    def allows(self, path: str, *, write: bool) -> bool:
        """Whether the ticket covers a canonical path (the environment aside)."""
        places = self._writable if write else [*self._readable, *self._writable]
        return any(Path(path).is_relative_to(place) for place in places)

    def may_connect(self, address: str) -> bool:
        """Only to sockets in the run's own folders: its own processes."""
        path = address.removeprefix("unix://")
        return path != address and path.startswith("/") and self.allows(path, write=True)


def _software() -> list[Path]:
    """Folders of programs and libraries, and nothing that lies beside them."""
    variables = environment.session_variables(Path())
    places = environment.resolve_places(variables, environment.SOFTWARE)
    return [Path(place.path) for place in places]


def devices(folder: Path = Path("/dev")) -> list[Path]:
    """Device files that computing needs, and folders of such: none that holds anybody's data."""
    names = ["null", "zero", "full", "random", "urandom", "tty", "kfd", "dri", "dxg"]
    return [folder / name for name in names] + sorted(folder.glob("nvidia*"))
