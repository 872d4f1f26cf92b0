"""Reading erasable texts, where only some roles may: who they are is proved and put on record."""

from __future__ import annotations

from typing import Any

from governed_kernel.errors import Refused, UnknownName
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import append, identify, record_refusal
from governed_kernel.lineage.events import Decided
from governed_kernel.lineage.forms import forms
from governed_kernel.lineage.journal import SESSION_DECODER, read_payloads, read_records
from governed_kernel.lineage.texts import text_named, texts_file
from governed_kernel.workspace import Workspace

__all__ = ["texts_of"]


def texts_of(
    workspace: Workspace, session: str, person: str, passphrase: bytes
) -> list[dict[str, Any]]:
    """The texts of a session as they were recorded; what was erased is None.

    Raises
    ------
    Refused
        The person has none of the roles of ``lineage.readers``; that is on record.
    UnknownName
        There is no such session.
    """
    journal = workspace.journals / f"{session}.jsonl"
    if "/" in session or not forms(journal):
        raise UnknownName(
            f"no session {session!r} is recorded",
            why="the journals of this workspace have none of that name",
            next="'governed lineage sessions' lists them",
        )
    try:
        register = Register.read(workspace)
        register.check_policy()
        who = identify(register, person, passphrase)
        allowed = workspace.settings.lineage.readers
        if allowed and not set(who.roles) & set(allowed):
            raise Refused(
                f"{person} may not read what people wrote",
                why=f"it takes the role {' or '.join(allowed)}; {person} has "
                f"{', '.join(who.roles) or 'none'}",
                next="ask somebody with that role",
            )
    except Refused as error:
        record_refusal(workspace, person, "lineage texts", session, error)
        raise
    said = Decided(person=person, action="lineage texts", resource=session, outcome="allowed")
    append(workspace, lambda _: ((said,), None))
    kept = read_payloads(texts_file(journal))
    rows = []
    for record in read_records(journal, SESSION_DECODER):
        digest = text_named(record.event)
        if digest:
            rows.append(
                {
                    "execution": getattr(record.event, "execution", None),
                    "cell_id": getattr(record.event, "cell_id", ""),
                    "of": type(record.event).__struct_config__.tag,
                    "text": kept.get(digest),
                }
            )
    return rows
