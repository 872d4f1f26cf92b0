"""The lineage store held against the journals: whoever edits its rows is found out."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from governed_kernel.kernel import restrictions
from governed_kernel.lineage import derivations
from governed_kernel.lineage.contents import contents
from governed_kernel.lineage.forms import compressed, journal_files
from governed_kernel.lineage.schema import SCHEMA_VERSION
from tests.loop.place import Place
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def in_steps(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A workspace whose store was brought up to date in several steps; tests work on copies."""
    folder = tmp_path_factory.mktemp("in-steps")
    place = stages.executed.copy(folder)
    place.done_here("lineage sessions")
    session = min(place.workspace.journals.glob("*.zst"))
    aside = folder / session.name
    session.rename(aside)
    place.done_here("store rebuild")  # of all but the first session
    aside.rename(session)
    place.done_here("lineage sessions")
    return place


@pytest.fixture
def place(in_steps: Place, tmp_path: Path) -> Place:
    place = in_steps.copy(tmp_path)
    place.done_here("lineage sessions")  # the texts' files are others here, and so read again
    return place


def edit(place: Place, *statements: str) -> None:
    with duckdb.connect(place.workspace.store) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_store_is_what_the_journals_say_in_whatever_order_they_came(place: Place) -> None:
    done = place.done_here("audit verify --json")
    (check,) = (check for check in done.facts["checks"] if check["kind"] == "store")
    assert check["outcome"] == "ok"
    before = contents(place.workspace.store)
    place.done_here("store rebuild")
    assert contents(place.workspace.store) == before
    assert not list(place.workspace.state.glob(".verifying-*"))


def test_a_store_whose_note_of_the_ledger_is_spoilt_is_brought_up_to_date(place: Place) -> None:
    edit(place, "UPDATE base.meta SET value = 'zz' WHERE key = 'ledger_head'")
    place.done_here("lineage sessions")
    checks = place.done_here("audit verify --json").facts["checks"]
    assert [check["outcome"] for check in checks if check["kind"] == "store"] == ["ok"]


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE base.access SET uri = 'file:///elsewhere' WHERE access_id = 1", "access"),
        ("DELETE FROM base.uses WHERE entity_no = 1", "uses"),
        ("INSERT INTO base.cell_started FROM base.cell_started LIMIT 1", "cell_started"),
        ("UPDATE base.payloads SET text = 'nothing to see'", "payloads"),
        ("UPDATE base.approvals SET counts = NOT counts", "approvals"),
        ("UPDATE base.transformation SET transformation_no = -transformation_no", "uses"),
        ("CREATE OR REPLACE VIEW deployments AS SELECT 1 AS environment", "what there is"),
        ("CREATE TABLE base.more (a INTEGER)", "more"),
    ],
)
def test_an_edited_row_is_found_and_its_table_named(
    place: Place, statement: str, table: str
) -> None:
    edit(place, statement)
    before = place.workspace.store.read_bytes()
    done = place.here("audit verify")
    assert f"BROKEN: store lineage.duckdb: {table}" in done.out, done.out
    explains(done, 4, "store lineage.duckdb")
    assert place.workspace.store.read_bytes() == before
    place.done_here("audit verify --no-store")
    place.done_here("store rebuild")
    place.done_here("audit verify")


def test_no_text_is_shown_that_could_be_erased(place: Place) -> None:
    edit(place, "UPDATE base.payloads SET text = 'the patient is called Smith'")
    assert "Smith" not in place.here("audit verify").out


def test_a_rebuild_forgets_no_file_that_a_missing_or_broken_journal_speaks_of(
    place: Place,
) -> None:
    derived = derivations.read_all(place.workspace)
    journals = [journal for journal in journal_files(place.workspace.journals)
                if journal.stem in {one.session_id for one in derived}]  # fmt: skip
    assert journals
    for journal in journals:
        form = compressed(journal)
        content = form.read_bytes()
        form.unlink()
        (problem,) = place.done_here("store rebuild --json").facts["problems"]
        assert problem == f"session {journal.stem} was sealed, and its journal is gone"
        assert derivations.read_all(place.workspace) == derived
        form.write_bytes(content[: len(content) // 2])
        place.here("store rebuild")
        assert derivations.read_all(place.workspace) == derived
        form.write_bytes(content)
    place.done_here("store rebuild")
    assert derivations.read_all(place.workspace) == [one for one in derived if one.sha256]


def test_a_store_that_is_behind_is_no_forgery(place: Place) -> None:
    behind = place.workspace.store.read_bytes()
    assert place.here("approve sour --for run {ada}").code == 3
    place.workspace.store.write_bytes(behind)
    place.done_here("audit verify")


def test_a_store_that_will_be_made_anew_is_said_to_be_so(place: Place) -> None:
    edit(place, f"UPDATE base.meta SET value = '{SCHEMA_VERSION - 1}:x' WHERE key = 'schema'")
    assert "DOUBT: store lineage.duckdb: it is made anew" in place.done_here("audit verify").out
    place.workspace.store.write_text("no database")
    assert "DOUBT: store" in place.done_here("audit verify").out


def test_what_a_killed_verification_left_goes(place: Place) -> None:
    left = place.workspace.state / ".verifying-99999999-abc"
    left.mkdir()
    (left / "copy").mkdir()
    shutil.copyfile(place.workspace.store, left / "copy" / "lineage.duckdb")
    place.done_here("audit verify")
    assert not left.exists()


def test_a_line_that_was_taken_out_of_the_list_of_made_files_is_found_and_put_back(
    place: Place,
) -> None:
    derived = place.workspace.derived
    lines = derived.read_bytes().splitlines(keepends=True)
    made = derivations.read_all(place.workspace)
    gone = made[0].path
    derived.write_bytes(b"".join(line for line in lines if gone.encode() not in line))
    said = f"BROKEN: derived files derived.jsonl: it lacks {gone}"
    assert said in place.here("audit verify").out
    place.workspace.store.rename(place.root / "aside")
    assert said in place.here("audit verify").out  # nobody asked the store yet
    place.done_here("store rebuild")
    assert {one.path for one in derivations.read_all(place.workspace)} == {one.path for one in made}
    place.done_here("audit verify")


def test_a_line_that_was_taken_out_is_back_before_the_next_session_reads_anything(
    place: Place,
) -> None:
    derived = place.workspace.derived
    whole = derived.read_bytes()
    made = derivations.read_all(place.workspace)
    derived.write_bytes(b"".join(whole.splitlines(keepends=True)[1:]))
    assert restrictions.main(str(place.root)) == 0  # as every recorder asks before it begins
    found = derivations.read_all(place.workspace)
    assert {(one.path, one.sha256) for one in found if one.sha256} == {
        (one.path, one.sha256) for one in made if one.sha256
    }
    assert not derivations.restore(place.workspace)
    derived.write_bytes(whole[: whole.index(b"\n") + 1])
    derivations.add(place.workspace, [made[0]])  # a session that went on meanwhile
    assert {one.path for one in derivations.read_all(place.workspace)} == {one.path for one in made}


def test_a_list_that_was_cut_with_its_journal_lets_no_session_read(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    derived = place.workspace.derived
    lost = derivations.read_all(place.workspace)[0].session_id
    lines = derived.read_bytes().splitlines(keepends=True)
    derived.write_bytes(b"".join(line for line in lines if lost.encode() not in line))
    compressed(place.workspace.journals / f"{lost}.jsonl").unlink()
    assert restrictions.main(str(place.root)) == 4
    said = capfd.readouterr().err
    assert "the list of what sessions made of classified data is not what it was" in said
    assert f"of {lost} there is no journal" in said
    place.here("store rebuild")  # somebody takes what is left for all there is
    assert restrictions.main(str(place.root)) == 0


def test_a_line_of_the_list_of_made_files_that_is_none_is_read_from_the_journals(
    place: Place,
) -> None:
    derived = place.workspace.derived
    made = derivations.read_all(place.workspace)
    flipped = derived.read_bytes().replace(b'{"path":', b'{"qath":')
    derived.write_bytes(flipped)
    assert not derivations.read_all(place.workspace)
    assert restrictions.main(str(place.root)) == 0  # as every recorder asks before it begins
    said = {(one.path, one.sha256) for one in derivations.read_all(place.workspace)}
    assert said == {(one.path, one.sha256) for one in made if one.sha256}
    assert not derivations.restore(place.workspace)
    place.done_here("audit verify")
