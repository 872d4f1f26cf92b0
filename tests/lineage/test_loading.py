"""Batches, sealed journals and rebuilds: the same store, however the events came into it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.lineage import loading, schema
from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.forms import compressed
from governed_kernel.lineage.journal import JournalWriter, read_block
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.packing import pack
from tests.lineage.sessions import Session, prepare, train


def seal(workspace: Workspace, session: Session) -> Path:
    """Seal a session into the ledger and compress its journal; returns that."""
    head = session.writer.head
    Ledger(workspace).append(
        SessionSealed(
            session_id=session.session_id,
            records=head.records,
            bytes=head.size,
            head=head.hash.hex(),
            sha256=session.writer.sha256,
        )
    )
    return pack(session.path)


def tables(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, not only what the views show."""
    names = [*(table.name for table in schema.EVENT_TABLES.values()), *schema.GRAPH_TABLES]
    with store.read() as connection:
        return {
            name: connection.execute(f"SELECT * FROM base.{name} ORDER BY ALL").fetchall()
            for name in names
        }


def test_a_rebuild_gives_every_row_of_every_table_again(workspace: Workspace) -> None:
    prepare(workspace)
    train(workspace)
    store = Store(workspace)
    store.ingest()
    before = tables(store)
    assert before["column_edges"]
    assert before["origins"]
    store.rebuild()
    assert tables(store) == before


def test_small_batches_by_another_thread_give_the_same(workspace: Workspace) -> None:
    prepare(workspace)
    train(workspace)
    store = Store(workspace)
    store.ingest()
    before = tables(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "_BATCH", 300)
        patch.setattr("governed_kernel.lineage.ingestion._BLOCK", 2)
        store.rebuild()
    after = tables(store)
    # which of two things the same batch names first is the batch's; what is said of them is not
    assert {name: len(rows) for name, rows in after.items()} == {
        name: len(rows) for name, rows in before.items()
    }
    assert after["access"] == before["access"]
    fingerprint = store.fingerprint()
    store.rebuild()
    assert store.fingerprint() == fingerprint


def test_a_sealed_journal_taken_by_its_digest_gives_the_same(workspace: Workspace) -> None:
    sessions = prepare(workspace), train(workspace)
    store = Store(workspace)
    store.ingest()
    before = store.fingerprint()
    heads = tables(store)["journals"]
    for session in sessions:
        seal(workspace, session)
    store.rebuild()
    assert store.fingerprint() == before
    assert [row[:5] for row in tables(store)["journals"]] == [row[:5] for row in heads]
    assert not store.ingest().journals


def alone(workspace: Workspace, name: str) -> Store:
    """The store of a workspace that has only the journal `name`, as it is now."""
    other = Workspace(workspace.root.with_name(f"only-{name}"))
    shutil.rmtree(other.root, ignore_errors=True)
    other.journals.mkdir(parents=True)
    shutil.copy(workspace.root / "governed.toml", other.root)
    for path in workspace.journals.glob(f"{name}.*"):
        shutil.copy(path, other.journals / path.name)
    store = Store(other, path=other.store)
    store.ingest()
    return store


@pytest.mark.parametrize("spoil", ["flip", "cut", "older"])
def test_a_sealed_journal_that_is_not_what_was_sealed_is_followed_by_its_chain(
    workspace: Workspace, spoil: str
) -> None:
    first, second = prepare(workspace), train(workspace)
    content = bytearray(first.path.read_bytes())
    seal(workspace, second)
    form = seal(workspace, first)
    place = content.index(b"cell-3")
    if spoil == "flip":
        content[place] ^= 1
    elif spoil == "cut":
        del content[place:]
    else:
        del content[content.rindex(b"\n", 0, place) + 1 :]
    plain = workspace.journals / "s1.jsonl"
    plain.write_bytes(content)
    expected = read_block(plain)
    assert len(expected.bodies) > 0
    plain.write_bytes(content)
    pack(plain)
    assert form == compressed(plain)
    store = Store(workspace)
    found = {journal.session_id: journal for journal in store.ingest().journals}
    assert found["s1"].events == len(expected.bodies)
    assert bool(found["s1"].problem) == (spoil == "flip")
    assert bool(found["s1"].torn) == (spoil == "cut")
    assert found["s2"].events == second.writer.head.records
    assert not found["s2"].problem
    one = alone(workspace, "s1").query("SELECT count(*) AS n FROM accesses")
    two = store.query("SELECT count(*) AS n FROM accesses WHERE session_id = 's1'")
    assert one == two


def test_a_record_of_a_sealed_journal_that_nobody_understands_is_reported(
    workspace: Workspace,
) -> None:
    session = prepare(workspace)
    bodies = read_block(session.path).bodies
    session.path.unlink()
    rewritten = JournalWriter(session.path)
    session.writer = rewritten
    for number, body in enumerate(bodies):
        event = msgspec.json.decode(body)
        if number == 6:
            event["execution"] = "six"
        rewritten.append(msgspec.defstruct("E", event.keys())(**event))
    rewritten.close()
    seal(workspace, session)
    (report,) = Store(workspace).ingest().journals
    assert report.events == 6
    assert "record 6" in report.problem
    assert "can't be understood" in report.problem


def test_what_an_event_leaves_out_is_what_it_would_have_said(workspace: Workspace) -> None:
    """Schema 1 wrote every field, schema 2 only what is not its default."""
    session = prepare(workspace)
    store = Store(workspace)
    store.ingest()
    before = tables(store)
    bodies = read_block(session.path).bodies
    assert not any(b'"status":0' in body for body in bodies)
    session.path.unlink()
    old = JournalWriter(session.path)
    for body in bodies:
        event = msgspec.json.decode(body)
        table = schema.EVENT_TABLES.get(event["type"])
        for name, default in (table.defaults if table else {}).items():
            text = "{}" if default == "'{}'" else default.replace("'", '"')
            event.setdefault(name, msgspec.json.decode(text))
        event["schema"] = 1
        old.append(msgspec.defstruct("E", event.keys())(**event))
    old.close()
    store.rebuild()
    after = tables(store)
    for name in before.keys() - {"journals"}:
        assert after[name] == before[name], name


READER = """
    import sys, time
    from pathlib import Path
    from governed_kernel.lineage.store import Store
    from governed_kernel.workspace import Workspace
    store = Store(Workspace(Path(sys.argv[1])))
    seen = set()
    print("ready", flush=True)
    for _ in range(15):
        (row,) = store.query("select count(*) n, (select count(*) from sessions) s from cells")
        seen.add((row["n"], row["s"]))
    print(sorted(seen))
"""


def test_whoever_reads_during_rebuilds_sees_all_or_all(workspace: Workspace) -> None:
    prepare(workspace)
    train(workspace)
    store = Store(workspace)
    store.ingest()
    (row,) = store.query("select count(*) as n from cells")
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(READER), str(workspace.root)],
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "ready\n"
        while reader.poll() is None:
            store.rebuild()
        assert reader.stdout.read() == f"[({row['n']}, 2)]\n"
    assert reader.returncode == 0


def test_two_that_rebuild_at_once_leave_one_whole_store(workspace: Workspace) -> None:
    prepare(workspace)
    train(workspace)
    store = Store(workspace)
    store.ingest()
    before = tables(store)
    code = "import sys; from pathlib import Path; from governed_kernel.lineage.store import Store; "
    code += "from governed_kernel.workspace import Workspace; "
    code += "Store(Workspace(Path(sys.argv[1]))).rebuild()"
    command = [sys.executable, "-c", code, str(workspace.root)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert tables(store) == before
    assert not list(workspace.state.glob("ingest-*"))
