"""How things stood at a moment, by the ledger as it stood then."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel import questions
from governed_kernel.audit import standing_index, standing_rows
from governed_kernel.audit.as_of import as_of
from governed_kernel.audit.standing_index import StandingIndex
from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance import envelopes
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.rules import rules_digest
from governed_kernel.governance.signing import attest
from governed_kernel.lineage import merkle
from governed_kernel.lineage.attestations import Approval, Deployment, PolicyAdopted, Promotion
from governed_kernel.lineage.events import Attested, Decided, RunEnded, RunStarted
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release.registry import Registry
from tests.loop.place import Place
from tests.loop.refusal import alter, explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def released(stages: Stages, tmp_path: Path) -> Place:
    return stages.released.copy(tmp_path)


def moment_of(place: Place, kind: type) -> datetime:
    """When the ledger took its first record of a kind."""
    said = zip(place.record(), Ledger(place.workspace).events(), strict=True)
    return next(event.occurred_at for inner, event in said if isinstance(inner, kind))


def at(place: Place, when: datetime, *more: str) -> Any:
    command = f"audit as-of {when.isoformat()} --json"
    return place.done_here(command, *more).facts


def test_what_is_live_is_told_with_all_that_it_rests_on(released: Place) -> None:
    found = at(released, datetime.now(UTC))
    (live,) = found["live"]
    (bundle,) = released.workspace.bundles.iterdir()
    assert (live["environment"], live["bundle"], live["person"]) == ("preprod", bundle.name, "otto")
    assert live["bundle"].endswith(live["bundle_digest"][:12])
    told = {(item["purpose"], item["person"]): item["counts"] for item in live["approvals"]}
    assert told == {("run", "rui"): True, ("run", "kim"): True, ("deployment", "mara"): True}
    assert live["validation"]["passed"]
    assert set(live["validation"]["cases"]) == {"passed"}
    assert {item["name"] for item in live["inputs"]} >= {"berries-train@1", "palate@1"}
    assert all(len(item["sha256"]) == 64 for item in [*live["inputs"], *live["artifacts"]])
    (approved,) = found["approved"]
    assert (approved["release"], approved["state"]) == ("sour@1", "released")
    assert found["running"] == []
    assert found["ledger"]["records"] == len(Ledger(released.workspace).events())


def test_nothing_is_known_before_it_happened(released: Place) -> None:
    just_before = timedelta(microseconds=1)
    promoted = at(released, moment_of(released, Promotion))
    assert (promoted["approved"], promoted["live"], promoted["running"]) == ([], [], [])
    started = at(released, moment_of(released, RunStarted))
    (run,) = started["running"]
    assert (run["kind"], run["release"], run["person"]) == ("release", "sour@1", "otto")
    assert [item["state"] for item in started["approved"]] == ["approved"]
    ended = moment_of(released, RunEnded)
    assert len(at(released, ended - just_before)["running"]) == 1
    deployed = moment_of(released, Deployment)
    assert at(released, deployed - just_before)["live"] == []
    assert len(at(released, deployed)["live"]) == 1


def test_another_environment_is_left_out(released: Place) -> None:
    now = datetime.now(UTC)
    assert at(released, now, "--env", "production")["live"] == []
    assert len(at(released, now, "--env", "preprod")["live"]) == 1


def test_what_was_revoked_later_stood_then(released: Place) -> None:
    before = datetime.now(UTC)
    released.done_here("revoke sour --reason 'a recall' {rui}")
    then, now = at(released, before), at(released, datetime.now(UTC))
    assert [item["state"] for item in then["approved"]] == ["released"]
    assert now["approved"] == []
    assert [item["state"] for item in now["live"]] == ["revoked"]


def test_a_key_revoked_later_counted_then(released: Place) -> None:
    before = datetime.now(UTC)
    released.done_here("people revoke-key rui --reason lost {ada}")

    def counted(when: datetime) -> dict[str, bool]:
        (live,) = at(released, when)["live"]
        return {item["person"]: item["counts"] for item in live["approvals"]}

    assert counted(before)["rui"]
    assert not counted(datetime.now(UTC))["rui"]


def test_the_place_in_the_ledger_decides_when_a_clock_steps_back(released: Place) -> None:
    deployed = moment_of(released, Deployment)
    earlier = deployed - timedelta(seconds=1)
    assert at(released, earlier)["live"] == []
    Ledger(released.workspace).append(
        Decided(person="x", action="y", resource="z", outcome="denied", occurred_at=earlier)
    )
    found = as_of_inside(released, earlier)
    assert len(found.live) == 1
    events = Ledger(released.workspace).events()
    late = [number for number, event in enumerate(events) if event.occurred_at > earlier]
    assert found.ledger["bear_a_later_time"] == late
    assert "a clock stepped back" in released.done_here(f"audit as-of {earlier.isoformat()}").out


def as_of_inside(place: Place, when: datetime) -> Any:
    with place.inside():
        return as_of(place.workspace, when)


def counted_at(place: Place, when: datetime) -> set[bool | None]:
    (live,) = at(place, when)["live"]
    return {item["counts"] for item in live["approvals"]}


def adopt_without_settings(place: Place) -> None:
    """As versions adopted that did not put the rules themselves into what was signed."""
    passphrase = (place.home / "passphrases" / "ada").read_bytes().strip()

    def make(_: Register, who: Person) -> PolicyAdopted:
        digest = rules_digest(place.workspace)
        return PolicyAdopted(person=who.name, printed_name=who.printed_name, policy=digest)

    with place.inside():
        attest(place.workspace, "ada", passphrase, make, action="policy adopt", resource="")


def test_approvals_are_counted_by_the_rules_of_then(released: Place) -> None:
    before = datetime.now(UTC)
    settings = released.root / "governed.toml"
    text = settings.read_text()
    assert "[approvals.run]\nrequired = 2" in text
    settings.write_text(
        text.replace("[approvals.run]\nrequired = 2", "[approvals.run]\nrequired = 9")
    )
    assert counted_at(released, before) == {True}  # edited, and adopted by nobody
    released.done_here("policy adopt {ada}")
    now = datetime.now(UTC)
    then = at(released, before)
    assert (then["policy"]["is_in_force_now"], then["policy"]["is_known"]) == (False, True)
    assert counted_at(released, before) == {True}
    assert [item["state"] for item in then["approved"]] == ["released"]
    assert "by the rules that were in force then" in at_text(released, before)
    assert at(released, now)["policy"]["is_in_force_now"]


def test_where_no_statement_carries_the_rules_it_is_open_what_counted(released: Place) -> None:
    adopt_without_settings(released)
    before = datetime.now(UTC)
    assert counted_at(released, before) == {True}  # the same rules are in force
    settings = released.root / "governed.toml"
    settings.write_text(settings.read_text() + "\n[classes.new]\n")
    released.done_here("policy adopt {ada}")
    found = at(released, before)
    assert not found["policy"]["is_known"]
    assert counted_at(released, before) == {None}
    assert "in force then" in found["live"][0]["approvals"][0]["reason"]
    assert "what counted is not known" in at_text(released, before)


def at_text(place: Place, when: datetime) -> str:
    return place.done_here(f"audit as-of {when.isoformat()}").out


def test_what_is_kept_says_of_every_moment_what_a_replay_says(released: Place) -> None:
    workspace = released.workspace
    with released.inside(), StandingIndex(workspace) as index:
        ledger = Ledger(workspace)
        records, leaves = ledger.records(), ledger.leaves()
        for size in range(2, len(records) + 1):
            register = Register.replay(workspace, [record.event for record in records[:size]])
            register.rules_of_then = True
            replayed, found = Registry(register), index.registry(size)
            assert index.root(size) == merkle.root(leaves[:size])
            assert index.hash(size - 1) == records[size - 1].head.hash
            assert index.live(size) == [one for one in replayed.deployments if not one.live_to]
            assert states(found) == states(replayed)
            assert found.register.policy == register.policy
            assert list(found.register.people) == list(register.people)


def test_what_is_kept_goes_on_with_the_ledger_and_says_what_a_replay_says(
    released: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(released, datetime.now(UTC))
    monkeypatch.setattr(StandingIndex, "_made", None)  # from here on nothing is made anew
    for command in (
        "approve sour --for run {ada}",  # refused: one record that is not signed
        "deploy sour --env preprod --slot default {otto}",
        "deploy sour --env production --slot default {otto}",
        "people revoke-key rui --reason lost {ada}",
        "rollback --env preprod --slot default {otto}",
        "revoke sour --reason 'a recall' {mara}",
    ):
        released.here(command)
        says_what_a_replay_says(released)
    workspace, ledger = released.workspace, Ledger(released.workspace)
    approval = next(
        entry
        for entry in Register.read(workspace).entries
        if isinstance(entry.predicate, Approval) and entry.predicate.person == "mara"
    )
    forged = msgspec.json.decode(msgspec.json.encode(approval.envelope))
    forged["signatures"][0]["sig"] = forged["signatures"][0]["sig"][::-1]
    earlier = Ledger(workspace).records()[3].event.occurred_at
    for envelope in (approval.envelope, forged):
        ledger.append(Attested(envelope=envelope, occurred_at=earlier))
        says_what_a_replay_says(released)


def test_an_older_index_that_another_command_puts_down_meanwhile_is_not_taken_for_this_one(
    released: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_index, "SETTLED", 10**15)  # never at rest
    at(released, datetime.now(UTC))
    (index,) = (released.home / "verified").glob("*.as-of.sqlite")
    older, beside = index.read_bytes(), index.with_suffix(".other")
    released.here("people grant rui --role operator {ada}")
    records = at(released, datetime.now(UTC))["ledger"]["records"]
    ends_as = StandingIndex._ends_as

    def meanwhile(found: StandingIndex, size: str, records: str, head: str) -> bool:
        beside.write_bytes(older)
        beside.replace(index)
        return ends_as(found, size, records, head)

    monkeypatch.setattr(StandingIndex, "_ends_as", meanwhile)
    monkeypatch.setattr(standing_index, "SETTLED", -(10**15))  # always
    assert at(released, datetime.now(UTC))["ledger"]["records"] == records
    monkeypatch.setattr(StandingIndex, "_ends_as", ends_as)
    assert at(released, datetime.now(UTC))["ledger"]["records"] == records


def says_what_a_replay_says(place: Place) -> None:
    """Of the ledger as it ends now, and as it ended a record before."""
    workspace = place.workspace
    with place.inside(), StandingIndex(workspace) as index:
        ledger = Ledger(workspace)
        records, leaves = ledger.records(), ledger.leaves()
        assert index.records == len(records)
        for size in (len(records) - 1, len(records)):
            register = Register.replay(workspace, [record.event for record in records[:size]])
            register.rules_of_then = True
            replayed, found = Registry(register), index.registry(size)
            assert index.root(size) == merkle.root(leaves[:size])
            assert index.live(size) == [one for one in replayed.deployments if not one.live_to]
            assert states(found) == states(replayed)
            assert judged(found) == judged(replayed)
        earliest = [min(one.event.occurred_at for one in records[n:]) for n in range(len(records))]
        for when in {*earliest[-3:], *earliest[:3]}:
            assert index.cut(when)[0] == sum(one <= when for one in earliest)


def judged(registry: Registry) -> list[tuple[int, bool, str]]:
    """Which approvals count, and why others don't."""
    entries = registry.register.entries
    return [(e.number, e.valid, e.reason) for e in entries if isinstance(e.predicate, Approval)]


def test_the_tree_is_the_same_however_it_grew() -> None:
    leaves = [merkle.leaf_hash(b"%d" % number) for number in range(1111)]
    index = StandingIndex.__new__(StandingIndex)
    with contextlib.closing(sqlite3.connect(":memory:")) as index._connection:
        index._connection.executescript(standing_rows.SCHEMA)
        size = 0
        for more in (1, 1, 3, 250, 1, 1, 254, 1, 256, 300, 43):
            standing_rows.add_nodes(index._connection, size, leaves[size : size + more])
            size += more
            assert index.root(size) == merkle.root(leaves[:size]), size
        assert size == len(leaves)
        assert [index.root(n) for n in range(1, size)] == [
            merkle.root(leaves[:n]) for n in range(1, size)
        ]


def test_the_tree_is_the_same_where_a_level_takes_many_rows() -> None:
    leaves = [merkle.leaf_hash(b"%d" % number) for number in range(1111)]
    index = StandingIndex.__new__(StandingIndex)
    with contextlib.closing(sqlite3.connect(":memory:")) as index._connection:
        index._connection.executescript(standing_rows.SCHEMA)
        standing_rows.add_nodes(index._connection, 0, leaves)
        for size in (1, 255, 256, 257, 511, 512, 513, 768, 1023, 1024, 1025, 1111):
            assert index.root(size) == merkle.root(leaves[:size]), size


def states(registry: Registry) -> object:
    releases = [(release.name, release.history) for release in registry.releases.values()]
    return releases, [(run.run_id, run.state, run.bundle) for run in registry.runs.values()]


def test_it_is_replayed_once_for_each_state_of_the_ledger(released: Place) -> None:
    def verified() -> tuple[int, Any]:
        with released.inside(), envelopes_verified() as count:
            found = as_of(released.workspace, datetime.now(UTC))
        return len(count), found.ledger["records"]

    first, records = verified()
    assert first > 10
    assert verified() == (0, records)
    released.workspace.ledger.touch()  # the same bytes, at another time
    assert verified() == (0, records)
    assert released.here("approve sour --for run {ada}").code == 3  # a refusal: one record more
    _, more = verified()  # signatures that were verified before are known by their digest
    assert more == records + 1
    assert verified() == (0, more)


@contextlib.contextmanager
def envelopes_verified() -> Iterator[list[str]]:
    """Each signature that is verified meanwhile, by the real thing."""
    check, found = envelopes._check_signed, []

    def noting(opened: Any, key: Any) -> None:
        found.append(key.keyid)
        check(opened, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelopes, "_check_signed", noting)
        yield found


def test_where_nothing_can_be_kept_it_is_replayed_each_time(released: Place) -> None:
    folder = released.home / "verified"
    if folder.exists():
        folder.rename(folder.with_name("elsewhere"))
    folder.touch()
    assert len(at(released, datetime.now(UTC))["live"]) == 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_where_what_was_kept_is_damaged_it_says_so_or_reads_the_ledger(
    released: Place, share: float
) -> None:
    now = datetime.now(UTC)
    before = at(released, now)
    (kept,) = (released.home / "verified").glob("*.sqlite")
    data = kept.read_bytes()
    whole = int(share * len(data))
    kept.write_bytes(data[:whole] + bytes(len(data) - whole))
    again = released.here(f"audit as-of {now.isoformat()} --json")
    if again.code:
        explains(again, 4, "remove that file")
        kept.unlink()
    assert at(released, now) == before


def test_where_what_was_kept_lacks_a_fact_it_is_made_anew(released: Place) -> None:
    now = datetime.now(UTC)
    before = at(released, now)
    (kept,) = (released.home / "verified").glob("*.sqlite")
    for fact in ("stamp", "head", "genesis"):
        with contextlib.closing(sqlite3.connect(kept)) as connection, connection:
            connection.execute("DELETE FROM meta WHERE key = ?", (fact,))
        again = released.here(f"audit as-of {now.isoformat()} --json")
        if again.code:  # it is the one of this ledger, and not whole
            explains(again, 4, "remove that file")
            kept.unlink()
        assert at(released, now) == before


def test_a_ledger_cut_short_answers_nothing(released: Place) -> None:
    at(released, datetime.now(UTC))
    ledger, unseen = released.workspace.ledger, "not the one that was seen before"
    kept = ledger.read_bytes()
    assert released.here("approve sour --for run {ada}").code == 3  # a refusal: one record more
    ledger.write_bytes(kept)  # of which there is an index
    explains(released.here("audit as-of 2100-01-01"), 4, unseen)
    with released.inside(), pytest.raises(IntegrityBroken, match=unseen) as told:
        StandingIndex(released.workspace)
    held = [file.resolve().name for file in Path("/proc/self/fd").iterdir()]
    assert not [name for name in held if name.endswith(".as-of.sqlite")], told
    *lines, _ = kept.splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines))  # of which there is none
    explains(released.here("audit as-of 2100-01-01"), 4, unseen)


def test_an_index_is_not_held_against_a_ledger_of_another_size(
    released: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(released, datetime.now(UTC))
    with released.inside(), StandingIndex(released.workspace) as index:
        before = index.records
    assert released.here("approve sour --for run {ada}").code == 3  # a refusal: one record more
    monkeypatch.setattr(standing_index, "JournalReader", None)
    with released.inside(), StandingIndex(released.workspace) as index:
        assert index.records == before + 1


def test_an_altered_ledger_answers_nothing(released: Place) -> None:
    at(released, datetime.now(UTC))
    alter(released.workspace.ledger)
    explains(released.here("audit as-of 2100-01-01"), 4, "ledger")


def test_a_workspace_that_was_not_there_yet_is_unknown(released: Place) -> None:
    explains(released.here("audit as-of 2001-01-01"), 2, "did not exist")
    explains(released.here("audit as-of tomorrow"), 2, "is no date")


def test_people_see_a_tree(released: Place) -> None:
    shown = released.done_here("audit as-of 2100-01-01").out
    for text in ("live", "approval for deployment by Mara counted", "input berries-train@1"):
        assert text in shown


def test_a_release_that_read_what_nobody_registered_says_so(released: Place) -> None:
    with released.inside():  # as the command line and as Python
        assert questions.unregistered("sour", workspace=released.root) == []
        assert questions.retention(workspace=released.root) == []
    assert released.done_here("lineage unregistered sour --json").facts == []
