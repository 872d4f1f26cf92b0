"""Erased texts are gone from every byte of the workspace, and everything still verifies."""

from __future__ import annotations

import mmap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest

from governed_kernel.governance import erasure
from governed_kernel.governance.register import Register
from governed_kernel.lineage import texts
from governed_kernel.lineage.heads import HeadWriter
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.release.projection import refresh
from tests.loop.place import Place, papermill
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow

NAME = "Zebulon Quagmire-7f3a9c"
WHY = "--reason 'asked by the person'"


@pytest.fixture(scope="module")
def named(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, str]:
    """A workspace with a session more, in which a person is named; and that session."""
    place = stages.candidate.copy(tmp_path_factory.mktemp("named"))
    cells = [
        nbformat.v4.new_code_cell("patients = 3", id="harmless"),
        nbformat.v4.new_code_cell(f"patient = '{NAME}'", id="named"),
        nbformat.v4.new_code_cell(f"open('/nowhere/{NAME.upper()}')", id="failed"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, place.root / "research" / "named.ipynb")
    papermill(place, "research/named.ipynb", code=1)
    newest = place.done_here("lineage sessions --json").facts[0]
    assert newest["notebook"] == "research/named.ipynb"
    return place, str(newest["session_id"])


@pytest.fixture
def place(named: tuple[Place, str], tmp_path: Path) -> Place:
    return named[0].copy(tmp_path)


@pytest.fixture
def session(named: tuple[Place, str]) -> str:
    return named[1]


def containing(place: Place, text: str) -> set[str]:
    """Files of the workspace's state in whose bytes `text` stands, in any case."""
    found = set()
    for path in place.workspace.state.rglob("*"):
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
                data = view[:].lower()
            if text.lower().encode() in data:
                found.add(path.name)
    return found


def outcomes(place: Place) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for check in place.here("audit verify --json").facts["checks"]:
        found.setdefault(check["kind"], set()).add(check["outcome"])
    return found


def sources(place: Place, session: str) -> list[str | None]:
    rows = place.done_here(
        f"lineage sql \"select source from cells where session_id = '{session}' "
        'order by execution" --json'
    ).facts
    return [row["source"] for row in rows]


def test_a_session_is_erased_to_the_last_byte(place: Place, session: str) -> None:
    before = containing(place, NAME)
    assert {f"{session}.payloads.jsonl", "lineage.duckdb"} <= before
    done = place.done_here(f"store erase --session {session} {WHY} {{dora}} --json").facts
    assert done["erased"]
    assert done["texts"] >= 4  # three sources and a message
    assert done["look at these as well"] == ["research/named.ipynb"]
    # A path that a cell opened is a fact, and facts stay.
    assert containing(place, f"'{NAME}'") == set()
    assert containing(place, NAME) <= {f"{session}.jsonl"}
    assert sources(place, session) == [None, None, None]
    assert containing(place, f"'{NAME}'") == set()
    assert place.here("audit verify").code == 0
    assert outcomes(place)["erasure"] == {"ok"}


def test_a_person_is_found_in_every_text_whatever_the_case(place: Place, session: str) -> None:
    plan = place.done_here(f"store erase --subject '{NAME.lower()}' --dry-run --json").facts
    assert not plan["erased"]
    assert set(plan["sessions"]) == {session}
    assert "research/named.ipynb" in plan["look at these as well"]
    assert sources(place, session)[1] == f"patient = '{NAME}'"
    place.done_here(f"store erase --subject '{NAME.lower()}' {WHY} {{ada}}")
    assert sources(place, session) == ["patients = 3", None, None]
    assert "quagmire" not in place.workspace.ledger.read_text().lower()
    assert place.here("audit verify").code == 0


def test_who_read_a_dataset_has_no_text_left_from_there_on(place: Place) -> None:
    (row,) = place.done_here("lineage readers berries-train --json").facts
    before = sources(place, row["session_id"])
    place.done_here(f"store erase --dataset berries-train {WHY} {{dora}}")
    after = sources(place, row["session_id"])
    reading = row["execution"] - 1
    assert after[:reading] == before[:reading]
    assert after[reading:] == [None] * (len(before) - reading)
    assert None not in before
    explains(place.here("store erase --dataset nothing --dry-run"), 2, "nothing")


def test_texts_past_their_time_are_erased(place: Place, session: str) -> None:
    explains(place.here("store erase --expired --dry-run"), 2, "nothing says how long")
    settings = place.root / "governed.toml"
    settings.write_text(settings.read_text() + "\n[lineage]\nretention_days = 3\n")
    place.done_here("policy adopt {ada}")
    explains(place.here(f"store erase --expired {WHY} {{ada}}"), 2, "nothing to erase")
    with place.inside():
        store = refresh(place.workspace)
        old = datetime.now(UTC) + timedelta(days=4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(erasure, "datetime", _Clock(old))
            plan = erasure.plan(place.workspace, "expired", "", store=store)
    assert session in plan.texts
    assert len(plan.texts) == 2


class _Clock:
    """A clock that stands at a later day."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self, _: Any) -> datetime:
        return self._at


def test_only_stewards_and_administrators_erase(place: Place, session: str) -> None:
    what = f"store erase --session {session}"
    explains(place.here(f"{what} {WHY} {{rui}}"), 3, "data-steward")
    # Refused before it is looked for: the answer tells nothing of what people wrote.
    explains(place.here(f"store erase --subject {NAME[:6]} {WHY} {{rui}}"), 3, "data-steward")
    explains(place.here(f"store erase --subject x {WHY} {{rui}}"), 3, "data-steward")
    explains(place.here(f"{what} {WHY}"), 2, "nobody signs")
    explains(place.here(f"{what} {{dora}}"), 2, "needs a reason")
    explains(place.here(f"store erase {WHY} {{dora}}"), 2, "not clear")
    explains(place.here(f"store erase --session no {WHY} {{dora}}"), 2, "no session 'no'")
    assert sources(place, session)[1] == f"patient = '{NAME}'"


@pytest.mark.parametrize("at", ["the texts", "the store", "the note"])
def test_an_erasure_that_was_signed_is_finished_by_who_asks_next(
    place: Place, session: str, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    owner: Any = {"the texts": texts, "the store": Store, "the note": erasure}[at]
    name = {"the texts": "erase", "the store": "forget", "the note": "write_atomically"}[at]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, die)
        killed = place.here(f"store erase --session {session} {WHY} {{dora}}")
        assert killed.code == 130
    if at == "the texts":
        assert "doubt" in outcomes(place)["erasure"]
    assert sources(place, session) == [None, None, None]
    assert containing(place, f"'{NAME}'") == set()
    assert outcomes(place)["erasure"] == {"ok"}


def test_texts_of_a_session_that_runs_wait_for_its_end(place: Place, session: str) -> None:
    writer = HeadWriter(place.workspace.journals / f"{session}.jsonl")  # as its recorder holds it
    explains(
        place.here(f"store erase --session {session} --dry-run"), 2, f"session {session} still runs"
    )
    done = place.done_here(f"store erase --subject '{NAME}' {WHY} {{ada}} --json").facts
    assert done["still running"] == [session]
    assert sources(place, session)[1] == f"patient = '{NAME}'"
    # each question takes the store away and makes it anew, with what the ledger says
    signed = 'lineage sql "select count(*) as n from decisions" --json'
    counts = [place.done_here(signed).facts[0]["n"] for _ in range(3)]
    assert counts == [counts[0]] * 3
    assert counts[0] > 0
    writer.close(sealed=True)
    assert sources(place, session)[1] is None
    assert containing(place, f"'{NAME}'") == set()


def test_an_erasure_without_a_signature_is_found_out(place: Place, session: str) -> None:
    path = texts.texts_file(place.workspace.journals / f"{session}.jsonl")
    digest = next(line.digest for line in texts.lines_of(path))
    texts.erase(path, [digest])
    explains(place.here("audit verify"), 4, "was erased, and no entry in the ledger says so")


def test_a_text_that_came_back_is_told(place: Place, session: str) -> None:
    path = texts.texts_file(place.workspace.journals / f"{session}.jsonl")
    kept = path.read_bytes()
    place.done_here(f"store erase --session {session} {WHY} {{dora}}")
    path.write_bytes(kept)  # from a backup, say
    assert outcomes(place)["erasure"] == {"broken"}
    found = place.here("audit verify")
    explains(found, 4, f"texts of {session} were erased and are there again")
    assert sources(place, session) == [None, None, None]  # whoever reads next erases them again
    assert path.read_bytes() != kept
    assert outcomes(place)["erasure"] == {"ok"}


def test_a_text_and_the_note_put_back_are_erased_again(place: Place, session: str) -> None:
    """As a crash may leave them: then nobody can say that they had been erased."""
    path = texts.texts_file(place.workspace.journals / f"{session}.jsonl")
    kept = path.read_bytes()
    place.done_here(f"store erase --session {session} {WHY} {{dora}}")
    path.write_bytes(kept)
    (place.workspace.state / "erased.json").unlink()
    assert outcomes(place)["erasure"] == {"doubt"}
    assert sources(place, session) == [None, None, None]
    assert outcomes(place)["erasure"] == {"ok"}


def test_the_signed_entry_names_each_text_and_nothing_else(place: Place, session: str) -> None:
    place.done_here(f"store erase --subject '{NAME}' {WHY} {{ada}}")
    with place.inside():
        register = Register.replay(place.workspace, Ledger(place.workspace).events())
    (said,) = place.events("Erasure")
    assert (said.scope, said.target, said.reason) == ("subject", "", "asked by the person")
    assert register.erased == frozenset(said.texts[session])


def test_only_some_roles_read_texts_where_the_settings_say_so(place: Place, session: str) -> None:
    assert sources(place, session)[1] == f"patient = '{NAME}'"
    settings = place.root / "governed.toml"
    settings.write_text(settings.read_text() + '\n[lineage]\nreaders = ["data-steward"]\n')
    place.done_here("policy adopt {ada}")
    assert sources(place, session) == [None, None, None]
    assert "lineage.duckdb" not in containing(place, f"'{NAME}'")
    texts_of = f"lineage texts {session}"
    rows = place.done_here(f"{texts_of} {{dora}} --json").facts
    assert f"patient = '{NAME}'" in [row["text"] for row in rows]
    explains(place.here(f"{texts_of} {{rui}}"), 3, "data-steward")
    explains(place.here("lineage texts nobody {dora}"), 2, "no session 'nobody'")
    search = f"store erase --subject {NAME[:7]} --dry-run"
    explains(place.here(search), 2, "nobody signs")
    explains(place.here(f"{search} {{rui}}"), 3, "data-steward")
    assert place.done_here(f"{search} {{dora}} --json").facts["texts"]
    told = [(said.person, said.outcome) for said in place.events("Decided")
            if said.action == "lineage texts"]  # fmt: skip
    assert told == [("dora", "allowed"), ("rui", "denied"), ("dora", "denied")]
    assert place.here("audit verify").code == 0
