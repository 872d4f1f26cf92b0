"""Registers that are made, and what is made of them, while their signatures are verified.

A process remembers what it replayed last, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from pathlib import Path
from typing import TypeVar

from governed_kernel.governance import pins
from governed_kernel.governance.ahead import Ahead, Forged
from governed_kernel.governance.register import Register, envelopes_in
from governed_kernel.lineage.events import LedgerEvent
from governed_kernel.workspace import Workspace

__all__ = ["Unsettled", "settled"]

_WORKSPACES = 4
"""Of so many workspaces a process remembers what it replayed."""
_REPLAYED: dict[Path, Register] = {}
"""Folder → what this process made of its ledger last; forked, never handed out."""
T = TypeVar("T")


def settled(
    workspace: Workspace, events: Sequence[LedgerEvent], make: Callable[[Unsettled], T]
) -> T:
    """What `make` makes of the register after `events`.

    Parameters
    ----------
    workspace, events
        As for `Register.replay`.
    make : callable
        Computes something while copies of this process verify, and calls `Unsettled.settle` before
        it shows, keeps or does anything. It is called again where a signature was none.
    """
    try:
        return _made(Unsettled(workspace, events), make)
    except Forged:
        return _made(Unsettled(workspace, events, strictly=True), make)


def _made(unsettled: Unsettled, make: Callable[[Unsettled], T]) -> T:
    with unsettled as found:
        made = make(found)
        found.settle()
    return made


class Unsettled:
    """A register not all of whose signatures are verified; use as a context.

    Nothing of it may be shown, kept or done before `settle`.

    Parameters
    ----------
    workspace, events
        As for `Register.replay`.
    strictly : bool
        Whether each signature is verified when its entry is taken in.
    """

    def __init__(
        self, workspace: Workspace, events: Sequence[LedgerEvent], *, strictly: bool = False
    ) -> None:
        known = _REPLAYED.get(workspace.root)
        size = len(known.events) if known is not None else 0
        goes_on = len(events) >= size and known is not None and all(map(is_, known.events, events))
        self._new = events[size:] if goes_on else events
        self._is_settled = False
        self._ahead = Ahead(envelopes_in(self._new), strictly=strictly)
        try:
            if goes_on and known is not None:
                self.register = known.fork(workspace)
                self.register.go_on(self._new, self._ahead)
            else:
                self.register = Register(workspace, events, self._ahead)
            # Before anybody has it, who may ask of it what holds for a question of the past alone.
            self._kept = self.register.fork(workspace) if self._new else None
        except BaseException as error:
            self.__exit__(None, error, None)
            raise

    def __enter__(self) -> Unsettled:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if isinstance(error, Exception):
                self._ahead.settle()  # it may have come of an entry that does not count
        finally:
            self._ahead.__exit__()

    def settle(self) -> Register:
        """The register, which counts from now on; a second time it is only given.

        Raises
        ------
        Forged
            A signature does not verify: it is to be made anew, strictly.
        IntegrityBroken
            The ledger is not the one that this person saw before.
        """
        register = self.register
        workspace = register.workspace
        if self._is_settled:
            return register
        self._ahead.settle()
        if self._kept is not None:
            _REPLAYED.pop(workspace.root, None)
            _REPLAYED[workspace.root] = self._kept
            for root in list(_REPLAYED)[:-_WORKSPACES]:
                _REPLAYED.pop(root, None)
        pins.check(workspace.root, register.workspace_id, register.genesis)
        self._is_settled = True
        return register
