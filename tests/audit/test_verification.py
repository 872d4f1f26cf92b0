"""``governed audit verify``: whole when untouched, and every altered byte is found and named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.lineage.attestations import Bundle, Deployment
from governed_kernel.release.run_states import ENDING, STATE, state_of
from tests.lineage.packing import unpack
from tests.loop.place import Place
from tests.loop.refusal import alter, explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def released(stages: Stages, tmp_path: Path) -> Place:
    return stages.released.copy(tmp_path)


def bundle_of(place: Place) -> Path:
    (bundle,) = place.workspace.bundles.iterdir()
    return bundle


def first(place: Place, pattern: str) -> Path:
    return min(path for path in place.root.glob(pattern) if path.is_file())


def test_an_untouched_workspace_is_whole(released: Place) -> None:
    done = released.here("audit verify --json")
    assert done.code == 0
    assert done.facts["whole"]
    outcomes = {(check["kind"], check["outcome"]) for check in done.facts["checks"]}
    kinds = ["ledger", "signature", "policy", "journal", "dataset", "card", "object"]
    kinds += ["release", "run", "bundle", "deployment", "derived files"]
    assert outcomes == {(kind, "ok") for kind in kinds}


def test_it_verifies_from_anywhere_and_by_its_path(released: Place, tmp_path: Path) -> None:
    assert "everything verifies" in released.governed("audit verify", cwd=tmp_path).out
    assert released.here(f"audit verify {released.root}").code == 0


ALTERED = {
    "the ledger": (".governed/ledger.jsonl", "ledger"),
    "a sealed journal": (".governed/journals/*.jsonl.zst", "journal"),
    "the text of a cell": (".governed/journals/*.payloads.jsonl", "journal"),
    "an object": (".governed/objects/*/*", "dataset"),
    "a dataset's snapshot": (".governed/snapshots/*/*.csv", "dataset"),
    "the base model": (".governed/snapshots/*/model.safetensors", "dataset palate@1"),
    "the release notebook": ("release/sour@1/research/sour.ipynb", "release sour@1"),
    "the release's manifest": ("release/sour@1/manifest.json", "release sour@1"),
    "the release's environment": ("release/sour@1/environment.json", "release sour@1"),
    "its code": ("release/sour@1/research/ripeness.py", "release sour@1"),
    "its suite": ("release/sour@1/suites/berries/suite.toml", "release sour@1"),
    "weights of a run": (".governed/runs/run-*/output/adapter/*.safetensors", "run run-"),
    "an executed notebook": (".governed/runs/run-*/output/notebook.ipynb", "run run-"),
    "a run's log": (".governed/runs/run-*/log.txt", "run run-"),
    "a run's plan": (".governed/runs/run-*/plan.json", "run run-"),
    "a run's ticket": (".governed/runs/run-*/ticket.json", "run run-"),
    "the notebook a run was given": (".governed/runs/run-*/work/research/*.ipynb", "run run-"),
    "the state that is shown of a run": (".governed/runs/run-*/state.json", "run run-"),
    "a dataset's card": ("catalog/*.toml", "card "),
    "evidence": (".governed/runs/validation-*/output/evidence/*.json", "run validation-"),
    "a bundle's manifest": ("bundles/*/manifest.json", "bundle sour@1-"),
    "a bundle's signature": ("bundles/*/signature.dsse.json", "bundle sour@1-"),
    "a bundle's weights": ("bundles/*/artifacts/adapter/*.safetensors", "bundle sour@1-"),
    "a bundle's notebook": ("bundles/*/artifacts/notebook.ipynb", "bundle sour@1-"),
    "a bundle's evidence": ("bundles/*/evaluation/evidence/*.json", "bundle sour@1-"),
    "a bundle's materials": ("bundles/*/bom.cdx.json", "bundle sour@1-"),
    "a bundle's model signature": ("bundles/*/model.sig", "bundle sour@1-"),
    "a bundle's checksums": ("bundles/*/SHA256SUMS", "bundle sour@1-"),
    "a bundle's model card": ("bundles/*/README.md", "bundle sour@1-"),
    "a bundle's data card": ("bundles/*/data_card.md", "bundle sour@1-"),
    "a bundle's approvals": ("bundles/*/approvals/*.dsse.json", "bundle sour@1-"),
    "a bundle's release": ("bundles/*/release/manifest.json", "bundle sour@1-"),
}


@pytest.mark.parametrize("what", ALTERED)
def test_one_altered_byte_is_found_and_named(released: Place, what: str) -> None:
    pattern, named = ALTERED[what]
    alter(first(released, pattern))
    done = released.here("audit verify")
    explains(done, 4, named)
    assert f"BROKEN: {named}" in done.out


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data[:-1], "journal"),
        (lambda data: data + b"{}\n", "journal"),
        (lambda data: b"".join(data.splitlines(keepends=True)[:-1]), "journal"),
        (lambda data: b"".join(reversed(data.splitlines(keepends=True))), "journal"),
    ],
    ids=["torn", "longer", "shorter", "reordered"],
)
def test_a_journal_is_what_was_sealed(
    released: Place, change: Callable[[bytes], bytes], named: str
) -> None:
    alter(unpack(first(released, ".governed/journals/*.jsonl.zst")), change)
    explains(released.here("audit verify"), 4, named)


def test_a_journal_that_is_gone_is_missed(released: Place) -> None:
    first(released, ".governed/journals/*.jsonl.zst").unlink()
    explains(released.here("audit verify"), 4, "it was sealed into the ledger and is gone")


def test_journals_can_not_change_places(released: Place) -> None:
    one, two, *_ = sorted(released.root.glob(".governed/journals/*.jsonl.zst"))
    content = one.read_bytes()
    shutil.copyfile(two, one)
    two.write_bytes(content)
    explains(released.here("audit verify"), 4, "it was swapped")


def test_a_file_added_to_a_snapshot_is_found(released: Place) -> None:
    folder = first(released, ".governed/snapshots/*/model.safetensors").parent
    folder.chmod(0o755)
    (folder / "tokenizer.py").write_text("import os\n")
    explains(released.here("audit verify"), 4, "dataset palate@1", "tokenizer.py")


@pytest.mark.parametrize("folder", ["release/sour@1/research", ".governed/runs/run-*/output"])
def test_a_file_added_to_a_release_or_an_output_is_found(released: Place, folder: str) -> None:
    (place,) = released.root.glob(folder)
    (place / "numpy.py").write_text("")
    done = released.here("audit verify")
    explains(done, 4, "numpy.py")


def test_comments_in_the_rules_are_shown_and_change_nothing(released: Place) -> None:
    with (released.root / "governed.toml").open("a") as file:
        file.write("# reviewed in June\n")
    assert "DOUBT: policy governed.toml" in released.done_here("audit verify").out
    released.done_here("policy adopt {ada}")
    assert "DOUBT" not in released.done_here("audit verify").out


def test_cases_that_policies_are_tested_by_are_held_against_those_adopted(released: Place) -> None:
    cases = released.workspace.policies / "cases.toml"
    text = cases.read_text()
    cases.write_text(f"# all of them pass\n{text}")
    said = "DOUBT: policy policies/cases.toml"
    assert (
        f"{said}: they are other cases than were adopted" in released.done_here("audit verify").out
    )
    cases.unlink()
    found = released.done_here("audit verify").out
    assert f"{said}: the cases that were adopted are gone" in found
    cases.write_text(text)
    assert "DOUBT" not in released.done_here("audit verify").out


def test_cases_do_not_stop_a_gate(released: Place) -> None:
    """They decide nothing: with others, or none, policies hold as they were adopted."""
    (released.workspace.policies / "cases.toml").unlink()
    assert released.done_here("policy show --json").facts["in_force"]
    released.done_here("policy adopt {ada}")
    assert "DOUBT" not in released.done_here("audit verify").out


def _emptied(card: Path) -> None:
    card.write_text("")


def _unlike(card: Path) -> None:
    card.write_text(card.read_text().replace('decision = "', 'decision = "no longer '))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_unlike, "the newest release says something else in use_case.decision"),
        (_emptied, "the newest release says something else in use_case.decision, use_case.risk"),
        (Path.unlink, "there is no card"),
        (lambda card: card.write_text("nonsense ="), "not a valid use-case card"),
    ],
    ids=["altered", "emptied", "removed", "no card"],
)
def test_a_use_case_that_is_another_than_was_released_is_shown(
    released: Place, change: Callable[[Path], None], said: str
) -> None:
    change(released.root / "cards" / "sour.toml")
    found = " ".join(released.done_here("audit verify").out.split())
    assert "DOUBT: card cards/sour.toml" in found
    assert said in found
    assert "nothing rests on it: release/sour@1/card.toml is signed" in found


def test_rules_that_can_not_be_read_are_named(released: Place) -> None:
    (released.root / "governed.toml").write_bytes(b"\xff")
    explains(released.here("audit verify"), 4, "policy governed.toml")


def test_a_log_that_goes_on_after_its_end_is_shown(released: Place) -> None:
    log = first(released, ".governed/runs/run-*/log.txt")
    assert log.read_text().splitlines()[-1].startswith(f"{log.parent.name} succeeded after")
    with log.open("a") as file:
        file.write("approved by the ministry\n")
    assert "log.txt goes on 25 bytes after its end" in released.done_here("audit verify").out


def test_a_release_that_nobody_promoted_counts_nowhere(released: Place) -> None:
    shutil.copytree(released.workspace.releases / "sour@1", released.workspace.releases / "sour@2")
    assert "DOUBT: release sour@2: nobody promoted it" in released.done_here("audit verify").out


def test_a_torn_record_is_shown_until_it_is_kept_aside_and_then_too(released: Place) -> None:
    with released.workspace.ledger.open("ab") as file:
        file.write(b"0123")
    assert "4 bytes after record" in released.done_here("audit verify").out
    assert released.here("approve sour --for run {ada}").code == 3
    assert "4 bytes that a power cut tore were kept aside" in released.done_here("audit verify").out


def test_a_workspace_without_its_ledger_is_broken_for_who_knew_it(released: Place) -> None:
    released.done_here("audit verify")
    released.workspace.ledger.unlink()
    explains(released.here("audit verify"), 4, "is gone or empty")


def test_nothing_is_said_to_verify_that_a_broken_ledger_kept_from_being_looked_at(
    released: Place,
) -> None:
    alter(released.workspace.ledger)
    explains(released.here("audit verify"), 4, "1 of 1 checks", "nothing else could be looked at")


def test_a_run_that_nobody_started_counts_nowhere(released: Place) -> None:
    run = next(released.workspace.runs.glob("run-*"))
    shutil.copytree(run, run.with_name("run-20260101T000000-00000000"))
    done = released.done_here("audit verify")
    assert "run run-20260101T000000-00000000: no record in the ledger speaks of it" in done.out


def end_on_record_alone(place: Place) -> Path:
    """A run as its worker leaves it between the record of its end and its last state."""
    run = next(place.workspace.runs.glob("run-*"))
    state = run / STATE
    goes_on = msgspec.structs.replace(state_of(place.workspace, run.name), state="running")
    state.rename(run / ENDING)
    state.write_bytes(msgspec.json.encode(goes_on))
    return run


def test_a_run_whose_end_is_on_record_and_not_yet_in_its_place_is_whole(released: Place) -> None:
    run = end_on_record_alone(released)
    assert released.here("audit verify").code == 0
    ended = released.here("release show sour --json")
    assert ended.code == 0
    assert not (run / ENDING).exists()
    assert state_of(released.workspace, run.name).state == "succeeded"
    assert released.here("audit verify").code == 0


def test_the_end_of_a_run_is_verified_before_it_is_in_its_place(released: Place) -> None:
    alter(end_on_record_alone(released) / ENDING)
    explains(released.here("audit verify"), 4, "run run-", "state.json: not what the run left")


def test_a_name_of_foreign_bytes_keeps_no_verification_from_being_told(released: Place) -> None:
    with open(os.fsencode(released.workspace.journals) + b"/\xff.jsonl", "wb"):  # noqa: PTH123
        pass
    done = released.here("audit verify --json")
    assert "Traceback" not in done.err
    assert any("udcff" in str(check) for check in json.loads(done.out)["checks"])


def test_a_card_of_nothing_is_named(released: Place) -> None:
    (released.workspace.catalog / "gold.toml").write_text("name = 'gold'\n")
    explains(released.here("audit verify"), 4, "card gold.toml")


def test_a_card_that_was_deleted_is_written_anew_by_what_the_audit_names(released: Place) -> None:
    """Also where the store has taken in the whole ledger, so that no question mends a card."""
    released.done_here("lineage sessions")
    card = released.workspace.catalog / "berries.toml"
    text = card.read_bytes()
    card.unlink()
    assert "'governed store rebuild' writes it anew" in released.done_here("audit verify").out
    released.done_here("store rebuild")
    assert card.read_bytes() == text


@pytest.mark.parametrize("put", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)])
def test_what_is_no_file_in_a_card_s_place_is_named_and_stops_nothing(
    released: Place, put: Callable[[Path], None]
) -> None:
    """A folder, a pipe that nobody writes to, a link to itself."""
    card = released.workspace.catalog / "berries.toml"
    text = card.read_bytes()
    card.unlink()
    put(card)
    done = released.here("audit verify")
    explains(done, 4, "berries.toml can't be read: something that is no file lies in its place")
    assert "Traceback" not in done.err
    released.done_here("store rebuild")
    assert not card.is_file(), "what somebody put there is theirs to take away"
    card.rmdir() if card.is_dir() else card.unlink()
    released.done_here("store rebuild")
    assert card.read_bytes() == text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("journals/b.jsonl", "b.jsonl can't be read"),
        ("journals/cut.head", "cut.head can't be read"),
        ("journals/SESSION.jsonl.zst", "can't be read"),
        ("journals/SESSION.payloads.jsonl", "payloads.jsonl can't be read"),
        ("journals/SESSION.head", "head can't be read"),
        ("ledger.together", ""),
        ("ledger.torn-3-aaaaaaaaaaaa", "can't be read"),
        ("derived.jsonl", "derived.jsonl can't be read"),
        ("erased.json", ""),
        ("ledger.jsonl", "ledger.jsonl can't be read"),
        ("runs/RUN/plan.json", "plan.json"),
        ("../release/sour@1/manifest.json", "manifest.json"),
        ("../bundles/BUNDLE/model.sig", "model.sig"),
        ("../bundles/BUNDLE/README.md", "README.md"),
        ("../policies/cases.toml", "cases.toml"),
        ("../policies/x.cedar", "x.cedar can't be read"),
    ],
)
@pytest.mark.timeout(60)
def test_a_pipe_in_a_file_s_place_keeps_no_command_waiting(
    name: str, said: str, released: Place, tmp_path: Path
) -> None:
    """Whoever may write the workspace can lay one; who opens it to read waits for a writer."""
    state = released.workspace.state
    session = min(state.glob("journals/*.payloads.jsonl")).name.partition(".")[0]
    (run, *_) = released.events("RunStarted")
    (state / "journals/cut.jsonl").touch()
    names = {"SESSION": session, "RUN": run.run_id, "BUNDLE": bundle_of(released).name}
    for each, known in names.items():
        name = name.replace(each, known)
    path = state / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    told = ""
    for command in (
        *("lineage sessions", "lineage texts", "people list", "release show sour"),
        *("policy test", "audit verify", f"store backup {tmp_path / 'kept.tar'}"),
    ):
        done = released.here(command)
        assert "Traceback" not in done.err
        told += done.out + done.err
    assert said in told


def test_a_card_that_a_crash_left_behind_is_written_anew(released: Place) -> None:
    card = released.workspace.catalog / "berries.toml"
    text = card.read_bytes()
    card.unlink()
    assert "DOUBT: card berries.toml" in released.done_here("audit verify").out
    released.done_here("lineage sessions")
    assert card.read_bytes() == text
    assert "DOUBT" not in released.done_here("audit verify").out


def test_a_bundle_whose_sealing_a_crash_cut_short_is_brought_to_its_end(released: Place) -> None:
    """The ledger speaks of it, and it lies there complete, but not yet under its name."""
    folder = bundle_of(released)
    folder.rename(folder.with_name(f".sealed-{folder.name}"))
    assert f"DOUBT: bundle {folder.name}" in released.done_here("audit verify").out
    run = next(path.name for path in released.workspace.runs.glob("run-*"))
    released.done_here(f"release build {run} --as otto")
    assert folder.is_dir()
    assert "DOUBT" not in released.done_here("audit verify").out


def test_content_that_nobody_registered_is_named(released: Place) -> None:
    digest = "0" * 64
    (released.workspace.objects / "00").mkdir(exist_ok=True)
    (released.workspace.objects / "00" / digest).write_text("")
    assert f"object {digest}" in released.done_here("audit verify").out


def test_a_ledger_cut_short_is_found_by_who_knew_more(released: Place) -> None:
    """Records at its end are gone; what they spoke of is there all the same."""
    ledger = released.workspace.ledger
    lines = ledger.read_bytes().splitlines(keepends=True)
    bundle = next(n for n, said in enumerate(released.record()) if isinstance(said, Bundle))
    ledger.write_bytes(b"".join(lines[:bundle]))
    done = released.here("audit verify")
    explains(done, 4, "no record in the ledger speaks of it")


def test_edited_rules_are_named(released: Place) -> None:
    with (released.root / "governed.toml").open("a") as file:
        file.write("\n[deployment]\nenvironments = ['preprod', 'moon']\n")
    explains(released.here("audit verify"), 4, "policy governed.toml")


def test_a_bundle_nobody_registered_is_named(released: Place) -> None:
    shutil.copytree(bundle_of(released), released.workspace.bundles / "sweet@1-0123456789ab")
    explains(released.here("audit verify"), 4, "no record in the ledger speaks of it")


def test_a_deployment_of_nothing_is_named_and_puts_nothing_live(released: Place) -> None:
    """An operator's key alone can sign anything; it counts for what was sealed before."""

    def evil(_: Register, who: Person) -> Deployment:
        return Deployment(
            person=who.name,
            printed_name=who.printed_name,
            meaning="deployed",
            environment="production",
            slot="default",
            release="sour@1",
            bundle="sweet@1-0123456789ab",
            sha256="0" * 64,
            reason="",
        )

    secret = (released.home / "passphrases" / "otto").read_bytes().strip()
    with released.inside():
        attest(released.workspace, "otto", secret, evil, action="deploy", resource="sour@1")
    assert [item["environment"] for item in released.release()["deployments"]] == ["preprod"]
    explains(released.here("audit verify"), 4, "signed for a bundle that was never sealed")


# --- a bundle alone ------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(stages: Stages, tmp_path: Path) -> Path:
    """The bundle on another machine, as it were: no workspace, no keys."""
    source = bundle_of(stages.released)
    folder = tmp_path / "elsewhere" / source.name
    shutil.copytree(source, folder)
    return folder


def test_a_bundle_verifies_without_its_workspace(
    stages: Stages, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Place(elsewhere.parent, elsewhere.parent / "home", stages.environment)
    done = alone.governed(f"audit verify {elsewhere}", cwd=elsewhere.parent)
    assert done.code == 0, done.err
    assert "everything verifies" in done.out


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b":", b": ", 1),
        lambda data: b"\xff" + data,
    ],
    ids=["longer", "wider", "no text"],
)
def test_a_signature_has_one_form_only(released: Place, change: Callable[[bytes], bytes]) -> None:
    alter(bundle_of(released) / "signature.dsse.json", change)
    explains(released.here("audit verify"), 4, "signature.dsse.json is not what was sealed")


@pytest.mark.parametrize("change", ["changed", "added", "removed", "linked"])
def test_a_bundle_that_is_not_whole_does_not(stages: Stages, elsewhere: Path, change: str) -> None:
    file = elsewhere / "artifacts" / "adapter" / "adapter_config.json"
    file.parent.chmod(0o755)
    if change == "changed":
        alter(file)
    elif change == "added":
        file = file.with_name("more.py")
        file.write_text("")
    else:
        content = file.read_bytes()
        file.unlink()
    if change == "linked":
        (elsewhere.parent / "copy").write_bytes(content)
        file.symlink_to(elsewhere.parent / "copy")
    alone = Place(elsewhere.parent, elsewhere.parent / "home", stages.environment)
    explains(alone.here(f"audit verify {elsewhere}"), 4, str(file))


def test_what_is_neither_bundle_nor_workspace_is_said(released: Place, tmp_path: Path) -> None:
    explains(released.here(f"audit verify {tmp_path}"), 2, "neither a bundle nor a workspace")


def test_a_bundle_is_held_against_the_key_that_is_asked_for(
    released: Place, elsewhere: Path, tmp_path: Path
) -> None:
    right = tmp_path / "service.pem"
    right.write_text(released.done_here("audit key").out)
    assert "as asked for" in released.done_here(f"audit verify {elsewhere} --key {right}").out
    unasked = released.done_here(f"audit verify {elsewhere}").out
    assert "which the bundle itself names" in unasked
    wrong = tmp_path / "wrong.pem"
    wrong.write_text(pem_of_somebody())
    explains(released.here(f"audit verify {elsewhere} --key {wrong}"), 4, "does not verify")


def pem_of_somebody() -> str:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
