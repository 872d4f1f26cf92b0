"""Another workspace's records in this one: verified, without texts, and traced through."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from governed_kernel.audit.importing import import_workspace
from governed_kernel.audit.projected import check_store
from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import IntegrityBroken, UsageError
from governed_kernel.lineage.events import Decided, SessionSealed
from governed_kernel.lineage.forms import compressed
from governed_kernel.lineage.graph import impact, trace
from governed_kernel.lineage.imports import folder_of, identity_of
from governed_kernel.lineage.journal import SESSION_DECODER, read_records
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.sealing import Sealing
from governed_kernel.release.projection import rebuild, refresh
from governed_kernel.workspace import Workspace
from tests.kernel.running import home_of, make_workspace
from tests.lineage.recognised import both_ways
from tests.lineage.sessions import CLEAN, RAW, Session, prepare

COPY = "file:///srv/copy.parquet"


def seal(workspace: Workspace) -> None:
    """Finish A's session as its recorder does."""
    path = workspace.journals / "s1.jsonl"
    head = list(read_records(path, SESSION_DECODER))[-1].head
    with Sealing(path) as sealing:
        form = sealing.compress(digest_bytes(path.read_bytes()))
        assert form
        Ledger(workspace).append(
            SessionSealed(
                session_id="s1",
                records=head.records,
                bytes=head.size,
                head=head.hash.hex(),
                sha256=form.sha256,
                compressed_bytes=form.compressed_bytes,
                compressed_sha256=form.compressed_sha256,
            )
        )
        sealing.settle()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, Workspace]:
    """A, which made a file, and B, which read a copy of it on another machine."""
    here, there = make_workspace(tmp_path / "a"), make_workspace(tmp_path / "b")
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(there)))
    prepare(here)
    session = Session(there, "t1", host="other", start=1)
    session.cell("frame = pd.read_parquet('copy.parquet')")
    session.write_file(session.read_file(COPY, ["radius"], "b" * 64), ["radius"], RAW, "d" * 64)
    session.end()
    return here, there


def test_lineage_crosses_into_what_was_imported(places: tuple[Workspace, Workspace]) -> None:
    here, there = places
    first = import_workspace(there, here)
    assert (first["sessions"], first["left out"]) == (0, 1), "only what is sealed comes"
    seal(here)
    assert import_workspace(there, here)["sessions"] == 1
    store = refresh(there)
    kept = {path.name for path in (there.state / "imports").rglob("*") if path.is_file()}
    assert not {name for name in kept if "payloads" in name}
    assert store.query("select source from cells where session_id = 's1' limit 1") == [
        {"source": None}
    ]
    graph = trace(there, RAW, columns=True)
    afar = RAW.replace("///", "//lab/")
    assert {CLEAN.replace("///", "//lab/"), afar, COPY} <= graph.nodes.keys()
    assert {row["input_uri"] for row in graph.columns or []} == {afar}
    assert RAW in impact(there, afar).nodes
    homes = store.query("select host, home from workspaces order by host")
    assert [tuple(row.values()) for row in homes] == [("lab", False), ("other", True)]
    fast, viewed = both_ways(store)
    assert fast == viewed
    before = store.fingerprint()
    assert rebuild(there).fingerprint() == before


def test_what_is_not_what_was_sealed_is_not_imported(
    places: tuple[Workspace, Workspace], tmp_path: Path
) -> None:
    here, there = places
    seal(here)
    import_workspace(there, here)
    path = compressed(here.journals / "s1.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    with pytest.raises(IntegrityBroken):
        import_workspace(there, here)
    path.write_bytes(whole)
    records = here.ledger.read_bytes().splitlines(keepends=True)
    here.ledger.write_bytes(b"".join(records[:-1]))
    with pytest.raises(IntegrityBroken, match="imported before"):
        import_workspace(there, here)
    with pytest.raises(UsageError, match="can't be imported"):
        import_workspace(there, there)
    kept = next((there.state / "imports").glob("[!.]*/.governed/ledger.jsonl"))
    assert kept.read_bytes() == b"".join(records), "what was taken in stays"


def test_a_store_with_what_was_imported_is_held_against_those_ledgers_too(
    places: tuple[Workspace, Workspace],
) -> None:
    here, there = places
    Ledger(here).append(Decided(person="ada", action="x", resource="r", outcome="denied"))
    import_workspace(there, here)
    store = refresh(there)
    assert store.query("select person from decisions") == [{"person": "ada"}]
    assert {check.outcome for check in check_store(there)} == {"ok"}


def test_nothing_outside_of_the_workspace_is_replaced_by_an_import(
    places: tuple[Workspace, Workspace], tmp_path: Path
) -> None:
    """Links that lie where imports go, to a folder with what has the other's identity."""
    here, there = places
    identity = identity_of(here)
    precious = tmp_path / "elsewhere" / identity / "precious"
    precious.parent.mkdir(parents=True)
    precious.touch()
    imports = folder_of(there)
    imports.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityBroken, match="is a symbolic link"):
        import_workspace(there, here)
    imports.unlink()
    imports.mkdir()
    for name in (identity, f".{identity}.gone"):
        (imports / name).symlink_to(precious.parent)
    import_workspace(there, here)
    assert not (imports / identity).is_symlink()
    assert [path.name for path in precious.parent.iterdir()] == ["precious"]


def test_an_import_that_is_gone_is_said_to_be_and_a_rebuild_forgets_it(
    places: tuple[Workspace, Workspace],
) -> None:
    here, there = places
    seal(here)
    import_workspace(there, here)
    refresh(there)
    identity = identity_of(here)
    shutil.rmtree(folder_of(there))
    (found,) = check_store(there)
    assert found.outcome == "broken"
    assert f"what was imported of a ({identity}) is gone" in found.detail
    assert "'governed store rebuild' forgets it" in found.detail
    import_workspace(there, here)
    assert [check.outcome for check in check_store(there)] == ["ok"]
    shutil.rmtree(folder_of(there))
    rebuild(there)
    assert [check.outcome for check in check_store(there)] == ["ok"]
