from __future__ import annotations

import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.errors import (
    IntegrityBroken,
    NotApproved,
    Refused,
    ResourceMissing,
    UnknownName,
    UsageError,
)
from governed_kernel.governance import access, catalog, catalog_rows, permission
from governed_kernel.governance.authorization import is_expired, kept_until
from governed_kernel.governance.cards import card_path
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import Decided, now
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.release import projection
from governed_kernel.release.evidence import as_input, missing_descriptions
from governed_kernel.release.projection import refresh
from governed_kernel.workspace import Workspace
from tests.governance.by_hand import an_approval, append_by_hand
from tests.governance.records import register, rows, write_records


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_records(tmp_path / "biopsies.csv")


def test_a_file_becomes_version_1_with_a_snapshot_and_a_card(
    workspace: Workspace, source: Path
) -> None:
    done = register(workspace, source, retention_until="2099-12-31", origin='the "north" wing')
    assert done.new
    assert (done.version.version, done.version.rows) == ("1", 60)
    assert done.snapshot.read_bytes() == source.read_bytes()
    assert done.snapshot.parent == workspace.snapshots / done.version.sha256
    assert Register.read(workspace).version("biopsies@1") == done.version
    card = tomllib.loads(card_path(workspace, "biopsies").read_text())
    assert card["version"][0]["sha256"] == done.version.sha256
    assert card["version"][0]["origin"] == 'the "north" wing'


def test_the_same_content_again_is_the_same_version(workspace: Workspace, source: Path) -> None:
    first = register(workspace, source)
    before = workspace.ledger.read_bytes()
    again = register(workspace, source)
    assert (again.new, again.version) == (False, first.version)
    assert workspace.ledger.read_bytes() == before


def test_nor_is_it_another_where_it_has_a_stricter_name_since(
    workspace: Workspace, source: Path
) -> None:
    both = ["explore", "train"]
    first = register(workspace, source, purposes=both)
    register(workspace, source, "narrow", purposes=["explore"])
    again = register(workspace, source, purposes=both)
    assert (again.version, again.new) == (first.version, False)
    assert [one.version for one in Register.read(workspace).datasets["biopsies"]] == ["1"]
    with pytest.raises(Refused, match="can't be registered as wide like that"):
        register(workspace, source, "wide", purposes=both)


def test_registering_again_neither_loses_an_earlier_end_nor_leads_past_one(
    workspace: Workspace, source: Path
) -> None:
    register(workspace, source, retention_until="2098-01-01")
    for name, until in {"biopsies": "2097-01-01", "other": "", "others": "2099-01-01"}.items():
        with pytest.raises(Refused, match="kept until 2098-01-01"):
            register(workspace, source, name, retention_until=until)
    assert not register(workspace, source, retention_until="").new
    assert register(workspace, source, "sooner", retention_until="2090-01-01").new


def test_a_day_counts_as_a_day_however_it_is_written(workspace: Workspace, source: Path) -> None:
    done = register(workspace, source, retention_until="20980101")
    assert done.version.retention_until == "2098-01-01"
    for name, until in {"other": "2098-12-31", "biopsies": "2097-W48-1"}.items():
        with pytest.raises(Refused, match="kept until 2098-01-01"):
            register(workspace, source, name, retention_until=until)


def test_a_day_of_a_record_that_another_program_wrote_counts_as_a_day_too(
    workspace: Workspace, source: Path
) -> None:
    done = register(workspace, source, retention_until="2098-01-01")
    short = msgspec.structs.replace(done.version, dataset="short", retention_until="20980101")
    known = msgspec.structs.replace(done.version, dataset="known", retention_until="someday")
    assert kept_until(short) == date(2098, 1, 1)
    assert is_expired(known), "what can't be read has ended"


def test_other_content_is_the_next_version(workspace: Workspace, source: Path) -> None:
    register(workspace, source)
    write_records(source, rows(63))
    assert register(workspace, source).version.version == "2"
    current = Register.read(workspace)
    assert current.version("biopsies").version == "2"
    assert current.version("biopsies@1").rows == 60


def test_a_base_model_is_a_folder(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "minilm"
    (folder / "pooling").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "pooling" / "weights.bin").write_bytes(b"\x00" * 100)
    done = register(
        workspace,
        folder,
        "minilm",
        kind="model",
        data_class="licensed",
        licence="Apache-2.0",
        intended_use="sentence embeddings",
    )
    assert done.snapshot == workspace.snapshots / done.version.sha256

    (found,) = missing_descriptions(Register.read(workspace), [as_input(done.version)])
    assert (found.code, found.severity) == ("base-model-not-described", "blocking")
    for option in ("--origin", "--training-data", "--adaptation"):
        assert option in found.next
    assert "--licence" not in found.next
    said = {"origin": "a hub", "training_data": "the web", "adaptation": "prompts did not do"}
    said |= {"licence": "Apache-2.0", "intended_use": "sentence embeddings"}
    more = register(workspace, folder, "minilm", kind="model", data_class="licensed", **said)
    assert (more.new, more.version.version) == (True, "2")
    assert more.version.sha256 == done.version.sha256
    again = register(workspace, folder, "minilm", kind="model", data_class="licensed", **said)
    assert (again.new, again.version.version) == (False, "2")
    assert not [*missing_descriptions(Register.read(workspace), [as_input(more.version)])]
    assert (done.snapshot / "pooling" / "weights.bin").stat().st_size == 100
    assert catalog.verify(workspace, done.version) == done.snapshot


def test_eight_registrations_at_once_make_eight_versions(
    workspace: Workspace, tmp_path: Path
) -> None:
    sources = [write_records(tmp_path / f"{n}.csv", rows(10 + n)) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda path: register(workspace, path), sources))
    assert sorted(int(it.version.version) for it in done) == list(range(1, 9))
    assert len(Register.read(workspace).datasets["biopsies"]) == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_class": "secret"}, "no data class is called"),
        ({"purposes": ["amusement"]}, "no purpose is called"),
        ({"purposes": ["deploy"]}, "can't be registered for deploy"),
        ({"purposes": []}, "no purpose"),
        ({"owner": " "}, "owner of biopsies is missing"),
        ({"legal_basis": ""}, "legal basis of biopsies is missing"),
        ({"legal_basis": "\x1b[2J"}, "legal basis"),
        ({"retention_until": "next year"}, "is no date"),
        ({"data_class": "retention-bound"}, "not said when biopsies must be gone"),
        ({"name": "../biopsies"}, "can't name a dataset"),
        ({"name": "Biopsies"}, "can't name a dataset"),
    ],
)
def test_what_has_no_meaning_is_refused_and_nothing_registered(
    workspace: Workspace, source: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        register(workspace, source, **changes)
    assert not Register.read(workspace).datasets


def test_long_names_of_purposes_mean_the_same(workspace: Workspace, source: Path) -> None:
    done = register(workspace, source, purposes=["training", "train", "evaluation"])
    assert done.version.purposes == ["train", "evaluate"]


@pytest.mark.parametrize("person", ["olga", "mallory"])
def test_who_may_not_register_is_refused_and_on_record(
    workspace: Workspace, source: Path, person: str
) -> None:
    with pytest.raises(Refused):
        register(workspace, source, person=person)
    denied = Ledger(workspace).events()[-1]
    assert isinstance(denied, Decided)
    assert (denied.person, denied.action, denied.resource) == (person, "data register", "biopsies")


def test_files_that_can_not_be_kept_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "empty").touch()
    (tmp_path / "link.csv").symlink_to(write_records(tmp_path / "real.csv"))
    for name, message in (
        ("empty.csv", "is empty"),
        ("folder", "is empty"),
        ("link.csv", "symbolic link"),
    ):
        with pytest.raises(UsageError, match=message):
            register(workspace, tmp_path / name)
    with pytest.raises(ResourceMissing, match="can't be read"):
        register(workspace, tmp_path / "gone.csv")
    with pytest.raises(UsageError, match="no data class"):
        register(workspace, tmp_path / "real.csv", data_class="rumour")
    said = [one for one in Register.read(workspace).events if isinstance(one, Decided)]
    assert {one.action for one in said[-5:]} == {"data register"}
    assert [one.outcome for one in said[-5:]] == [*["denied"] * 3, "failed", "denied"]


def test_nothing_is_registered_out_of_the_workspaces_own_state(
    workspace: Workspace, source: Path
) -> None:
    done = register(workspace, source)
    with pytest.raises(Refused, match="lies in the workspace's state"):
        register(workspace, done.snapshot, "copy")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "harmless", "data_class": "public", "purposes": ["explore"]},
        {"data_class": "internal"},
        {"purposes": ["explore"]},
    ],
)
def test_content_does_not_change_its_class_by_being_registered_again(
    workspace: Workspace, source: Path, changes: dict[str, Any]
) -> None:
    register(workspace, source)
    with pytest.raises(Refused, match="can't be registered"):
        register(workspace, source, **changes)


def test_content_does_not_gain_purposes_under_another_name(
    workspace: Workspace, source: Path
) -> None:
    register(workspace, source, purposes=["explore"])
    with pytest.raises(Refused, match="can't be registered"):
        register(workspace, source, "again", purposes=["explore", "train"])
    register(workspace, source, "again", purposes=["explore"])


def test_a_name_of_data_does_not_become_one_of_a_model(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    register(workspace, source)
    with pytest.raises(UsageError, match="registered as data"):
        register(workspace, write_records(tmp_path / "x", rows(5)), kind="model")


def test_an_edited_policy_registers_nothing(workspace: Workspace, source: Path) -> None:
    file = workspace.root / "governed.toml"
    file.write_text(file.read_text() + '\n[classes.mine]\npurposes = ["train"]\n')
    with pytest.raises(NotApproved, match="adopted"):
        register(Workspace(workspace.root), source, data_class="mine", purposes=["train"])


def test_a_changed_snapshot_is_found(workspace: Workspace, source: Path) -> None:
    done = register(workspace, source)
    done.snapshot.parent.chmod(0o755)
    done.snapshot.unlink()
    write_records(done.snapshot, rows(59))
    with pytest.raises(IntegrityBroken, match="not what was registered"):
        catalog.verify(workspace, done.version)


def test_a_version_that_does_not_exist_is_unknown(workspace: Workspace, source: Path) -> None:
    register(workspace, source)
    with pytest.raises(UnknownName, match="no version '2'"):
        Register.read(workspace).version("biopsies@2")


def test_ten_thousand_versions_are_read_in_seconds(workspace: Workspace) -> None:
    """The replay stays linear: the register of a large catalog is no reason to wait."""
    import time

    from governed_kernel.governance import access
    from governed_kernel.lineage.events import DatasetRegistered, FileDigest

    events = [
        DatasetRegistered(
            dataset=f"d{number}",
            version="1",
            kind="data",
            sha256=f"{number:064x}",
            bytes=1,
            files=[FileDigest("a.csv", f"{number:064x}", 1)],
            data_class="public",
            owner="o",
            purposes=["train"],
            legal_basis="b",
            source="",
            person="sam",
            state="locked" if number % 2 else "approved",
        )
        for number in range(10_000)
    ]
    Ledger(workspace).append(*events)
    started = time.perf_counter()
    register = Register.read(workspace)
    access.decide(workspace, "read", str(workspace.snapshots / f"{7:064x}" / "a.csv"))
    assert len(register.datasets) == 10_000
    assert time.perf_counter() - started < 10


def test_a_card_that_is_missing_is_mended_before_the_store_counts_as_current(
    workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(workspace)
    card = card_path(workspace, register(workspace, source).version.dataset)
    card.unlink()

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(projection, "mend_cards", crash)
        with pytest.raises(KeyboardInterrupt):
            refresh(workspace)
    refresh(workspace)
    assert card.exists()


def test_a_card_that_is_left_behind_while_journals_come_in_is_mended_too(
    workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(workspace)
    cards: list[Path] = []
    really = Store.ingest

    def ingest(self: Store, *given: Any) -> Any:
        """Bring in journals, while a registration is killed before it writes its card."""
        if not cards:
            cards.append(card_path(workspace, register(workspace, source).version.dataset))
            cards[0].unlink()
        return really(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "ingest", ingest)
        patch.setattr(projection, "_is_open_and_current", lambda *_: False)
        refresh(workspace)
    assert cards[0].exists()


def test_a_clock_that_goes_back_revives_no_data_whose_retention_has_ended(
    workspace: Workspace, source: Path
) -> None:
    day = (now() + timedelta(days=3)).date().isoformat()
    register(workspace, source, retention_until=day)
    later = now() + timedelta(days=9)

    def decision() -> tuple[bool, list[str]]:
        current = Register.read(workspace)
        version = current.version("biopsies")
        told = permission.decide_purpose(current, version, "train")
        assert catalog_rows.rows(current)[0]["retention_over"] != told.allowed
        by_path = access.Guard(workspace).decide("read", str(source))
        assert by_path.allowed == told.allowed
        return told.allowed, told.policies

    unsigned = Decided(person="x", action="read", resource="y", outcome="denied", occurred_at=later)
    Ledger(workspace).append(unsigned)
    assert decision()[0]  # anybody who can write the file could say so
    said = an_approval("rita", signed_at=later)
    append_by_hand(workspace, said, signer="rita", occurred_at=later)
    assert decision() == (False, ["retention"])
