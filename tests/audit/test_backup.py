"""The drill: a backup taken while everybody writes is restored, verifies and goes on."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.audit import restoring
from governed_kernel.audit.backup import END, back_up
from governed_kernel.audit.restoring import restore
from governed_kernel.audit.verification import verify_workspace
from governed_kernel.errors import IntegrityBroken, ResourceMissing, UsageError
from governed_kernel.governance import genesis
from governed_kernel.lineage.events import SessionStarted
from governed_kernel.lineage.journal import SESSION_DECODER, read_records
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release.run_states import state_of
from governed_kernel.release.runs import reap_all
from governed_kernel.workspace import Workspace
from tests.audit.test_verification import end_on_record_alone
from tests.cli.commands import Done
from tests.lineage.sessions import Session
from tests.loop import berries
from tests.loop.place import SECONDS, Place, succeeded
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def released(stages: Stages, tmp_path: Path) -> Place:
    return stages.released.copy(tmp_path)


def taken(place: Place, target: Path) -> Path:
    with place.inside():
        return back_up(place.workspace, target)


def restored(place: Place, backup: Path, folder: Path) -> Place:
    place.done_here(f"store restore {backup} {folder}")
    return Place(folder, place.home, place.environment)


def elsewhere(place: Place, command: str) -> Done:
    """A command of one of its people, from another folder than the workspace."""
    folder = Place(place.root.parent, place.home, place.environment)
    return folder.here(command)


def files(workspace: Workspace) -> dict[str, bytes]:
    """What is to come back, by name; what locks, projects and remembers is made anew."""
    made_anew = {".lock", ".duckdb", ".wal"}
    return {
        path.relative_to(workspace.root).as_posix(): path.read_bytes()
        for path in workspace.root.rglob("*")
        if path.is_file() and path.suffix not in made_anew and "__pycache__" not in path.parts
    }


def test_a_restored_workspace_is_the_same_and_goes_on(released: Place, tmp_path: Path) -> None:
    done = released.done_here(f"store backup {tmp_path} --json").facts
    backup = Path(done["backup"])
    assert backup.parent == tmp_path
    assert backup.stat().st_mode & 0o077 == 0
    again = restored(released, backup, tmp_path / "elsewhere" / "berries")
    assert files(again.workspace) == files(released.workspace)
    assert again.here("audit verify").code == 0
    assert again.release()["state"] == "released"
    rows = "lineage sql 'select count(*) as n from accesses' --json"
    assert again.done_here(rows).facts == released.done_here(rows).facts
    again.done_here("revoke sour --reason 'a recall' {rui}")
    again.done_here(
        "data register berries berries.csv --never-learn berry_id --owner Kitchen "
        "--legal-basis 'picked by us' "
        "--class public --as dora --purpose explore --purpose train --purpose evaluate "
        "--purpose validate"
    )
    assert again.here("audit verify").code == 0


def test_every_backup_taken_while_a_notebook_and_a_run_go_on_is_whole(
    stages: Stages, tmp_path: Path
) -> None:
    place = stages.approved.copy(tmp_path)
    taken(place, tmp_path / "before.tar")
    notebook = f"-m papermill --engine governed -k governed-research {berries.NOTEBOOK} -"
    backups: list[Path] = []
    with (
        place.start("run sour --as otto") as run,
        _python(place, notebook) as research,
    ):
        try:
            while run.poll() is None or research.poll() is None:
                backups.append(taken(place, tmp_path / f"{len(backups)}.tar"))
            run.communicate(timeout=SECONDS)
            research.communicate(timeout=SECONDS)
        finally:
            run.kill()
            research.kill()
    assert (run.returncode, research.returncode) == (0, 0)
    assert len(backups) > 3
    chosen = backups[:: max(1, len(backups) // 6)]
    for number, backup in enumerate(chosen):
        with place.inside():
            workspace, _ = restore(backup, tmp_path / f"restored-{number}")
            report = verify_workspace(workspace)
            assert report.is_whole, report.broken
    last = Place(tmp_path / "restored-0", place.home, place.environment)
    assert last.release()["state"] == "approved"


def test_a_backup_between_a_run_and_its_last_state_is_whole(
    released: Place, tmp_path: Path
) -> None:
    run = end_on_record_alone(released)
    with released.inside():
        workspace, _ = restore(taken(released, tmp_path / "at-once.tar"), tmp_path / "again")
        report = verify_workspace(workspace)
        assert report.is_whole, report.broken
        reap_all(workspace)
        assert state_of(workspace, run.name).state == "succeeded"


def _python(place: Place, arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [place.environment.python, *arguments.split(), "--cwd", "research"],
        cwd=place.root,
        env=place.variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_an_open_session_is_restored_as_far_as_it_is_recorded(
    released: Place, tmp_path: Path
) -> None:
    with released.inside():
        writer = Session(released.workspace, "20300101T000000-00000000")
        writer.cell("open for ever")
        backup = taken(released, tmp_path / "open.tar")
        workspace, _ = restore(backup, tmp_path / "again")
        journal = workspace.journals / f"{writer.session_id}.jsonl"
        events = [type(record.event) for record in read_records(journal, SESSION_DECODER)]
        assert SessionStarted in events
        assert journal.read_bytes() == writer.path.read_bytes()


def test_an_older_backup_is_found_out_by_a_checkpoint(released: Place, tmp_path: Path) -> None:
    older = taken(released, tmp_path / "older.tar")
    released.here("approve sour --for run {ada}")  # a refusal, on record
    released.done_here(f"audit checkpoint {tmp_path / 'kept.json'}")
    newer = taken(released, tmp_path / "newer.tar")
    since = f"--since {tmp_path / 'kept.json'}"
    assert released.here(f"store restore {newer} {tmp_path / 'b'} {since}").code == 0
    explains(released.here(f"store restore {older} {tmp_path / 'a'} {since}"), 4, "was cut short")


def test_an_older_backup_in_the_old_place_is_refused_to_who_saw_more(
    released: Place, tmp_path: Path
) -> None:
    older = taken(released, tmp_path / "older.tar")
    released.done_here("revoke sour --reason 'a recall' {rui}")
    newer = taken(released, tmp_path / "newer.tar")
    released.root.rename(tmp_path / "aside")
    refused = elsewhere(released, f"store restore {older} {released.root}")
    explains(refused, 4, "is older than the ledger that was seen before")
    assert "--older" in refused.err
    assert not released.root.exists()  # so the newest can be restored right away
    assert elsewhere(released, f"store restore {newer} {released.root}").code == 0
    assert released.release()["state"] == "revoked"


def test_an_older_backup_is_taken_when_asked_for_and_what_it_gives_up_is_told_for_ever(
    released: Place, tmp_path: Path
) -> None:
    kim = Place(released.root, tmp_path / "kim", released.environment)
    first = len(Ledger(released.workspace).records())
    older = taken(released, tmp_path / "older.tar")
    released.done_here("revoke sour --reason 'a recall' {rui}")
    shutil.copytree(released.home, kim.home)  # somebody else, who saw the revocation as well
    last = Ledger(released.workspace).records()[-1]
    released.root.rename(tmp_path / "aside")
    assert elsewhere(released, f"store restore {older} {released.root} --older").code == 0
    assert released.release()["state"] == "released"  # which is why it has to be asked for
    for _ in range(2):
        told = released.here("audit verify")
        assert told.code == 0
        assert f"gave up records {first} to {last.number} that you had seen" in told.out
        assert last.head.hash.hex() in told.out
    explains(kim.here("release show sour"), 4, "seen before")
    explains(kim.here("audit verify"), 4, "seen before")
    assert "gave up records" in kim.done_here("audit verify --accept-older").out
    assert kim.release()["state"] == "released"
    kim.done_here("revoke sour --reason 'the recall, again' {rui}")
    assert "gave up" in released.done_here("audit verify").out
    assert released.release()["state"] == "revoked"


def test_another_workspace_s_backup_takes_no_known_one_s_place_nor_what_is_remembered_of_it(
    released: Place, tmp_path: Path
) -> None:
    """With --older as well: their own ledger would be the one that nobody knows afterwards."""
    with released.inside():
        other = genesis.initialise(tmp_path / "other", "mallory", "Mallory", b"a long passphrase")
        hostile = back_up(other, tmp_path / "hostile.tar")
    released.done_here("audit verify")
    released.root.rename(tmp_path / "aside")
    remembered = (released.home / "known_workspaces.json").read_bytes()
    for more in ("", " --older"):
        done = elsewhere(released, f"store restore {hostile} {released.root}{more}")
        explains(done, 4, "it held workspace", str(released.root))
        assert not released.root.exists()
    assert (released.home / "known_workspaces.json").read_bytes() == remembered
    (tmp_path / "aside").rename(released.root)
    released.done_here("audit verify")


def test_the_drill_as_it_is_documented(released: Place) -> None:
    """The commands of docs/restoring.md, typed in the workspace one after the other."""
    page = (Path(__file__).parents[2] / "docs" / "restoring.md").read_text()
    first, second = page.split("## When only")
    lines = [line.strip() for line in first.splitlines() if line.startswith("    governed ")]
    assert len(lines) == 6
    for line in lines:
        succeeded(typed(released, line), line)
    assert "--older" in second
    assert "audit verify --accept-older" in second


def typed(place: Place, line: str) -> Done:
    """A command line, as a process of its own in the workspace's folder."""
    name, *words = shlex.split(line)
    assert name == "governed"
    found = subprocess.run(
        [place.environment.python, "-m", "governed_kernel", *words],
        cwd=place.root,
        env=place.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(found.returncode, found.stdout, found.stderr)


def test_nothing_is_restored_over_something(released: Place, tmp_path: Path) -> None:
    backup = taken(released, tmp_path / "x.tar")
    before = files(released.workspace)
    explains(released.here(f"store restore {backup} {released.root}"), 2, "there is something in")
    assert files(released.workspace) == before


def _rewritten(backup: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A backup whose files are changed or left out, but for the list at its end."""
    made = backup.with_name("altered.tar")
    with tarfile.open(backup) as source, tarfile.open(made, "w") as target:
        for member in source:
            file = source.extractfile(member)
            assert file is not None
            data = change(member.name, file.read())
            if data is not None:
                member.size = len(data)
                target.addfile(member, io.BytesIO(data))
    return made


def _flipped(name: str, data: bytes) -> bytes:
    return data if name != "governed.toml" else data.replace(b"required", b"Required", 1)


def _renamed(name: str, data: bytes) -> bytes:
    if name != END:
        return data
    listed = msgspec.json.decode(data)
    return msgspec.json.encode(listed[:-1])


ALTERED: dict[str, Callable[[str, bytes], bytes | None]] = {
    "a file changed": _flipped,
    "a file lost": lambda name, data: None if name == "governed.toml" else data,
    "the ledger lost": lambda name, data: None if name.endswith("ledger.jsonl") else data,
    "the list lost": lambda name, data: None if name == END else data,
    "the list shorter": _renamed,
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=list(ALTERED))
def test_a_backup_that_is_not_whole_restores_nothing(
    released: Place, tmp_path: Path, change: Callable[[str, bytes], bytes | None]
) -> None:
    backup = _rewritten(taken(released, tmp_path / "x.tar"), change)
    folder = tmp_path / "again"
    explains(released.here(f"store restore {backup} {folder}"), 4, "is no whole backup")
    assert not folder.exists()
    assert not list(tmp_path.glob(".again*"))


def test_a_backup_cut_short_or_no_backup_restores_nothing(released: Place, tmp_path: Path) -> None:
    backup = taken(released, tmp_path / "x.tar")
    data = backup.read_bytes()
    for size in (0, 100, len(data) // 2, len(data) - 20_000):
        backup.write_bytes(data[:size])
        with released.inside(), pytest.raises(IntegrityBroken, match="no whole backup"):
            restore(backup, tmp_path / "again")
    assert not list(tmp_path.glob("*again*"))


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_no_file_of_a_backup_leaves_its_folder(released: Place, tmp_path: Path, name: str) -> None:
    path = tmp_path / "hostile.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo(name)
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(IntegrityBroken, match="outside"):
        restore(path, tmp_path / "again")
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(path, "w") as archive:
        archive.addfile(link)
    with pytest.raises(IntegrityBroken, match="no regular file"):
        restore(path, tmp_path / "again")
    assert not list(tmp_path.glob("*outside*"))


def test_a_restoration_that_is_killed_leaves_no_workspace(
    released: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = taken(released, tmp_path / "x.tar")

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(restoring, "_check_ledger", die)
    with released.inside(), pytest.raises(KeyboardInterrupt):
        restore(backup, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    monkeypatch.undo()
    with released.inside():
        workspace, beginning = restore(backup, tmp_path / "again")
    assert len(Ledger(workspace).events()) == beginning.records


def test_a_file_in_the_way_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "again").write_text("x")
    with pytest.raises(UsageError):
        restore(tmp_path / "x.tar", tmp_path / "again")


@pytest.mark.parametrize(
    "names", [("a", "a"), ("a", "./a"), ("a", "a/b"), ("n" * 300,)], ids=lambda names: names[-1][:4]
)
def test_names_that_no_backup_has_are_told_in_words(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = tmp_path / "hostile.tar"
    with tarfile.open(path, "w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(IntegrityBroken, match="no whole backup"):
        restore(path, tmp_path / "again")
    assert not list(tmp_path.glob("*again*"))


def test_a_file_that_says_it_is_larger_than_any_disk_is_not_written(tmp_path: Path) -> None:
    """A sparse member has as many zeros as it says, in half a kilobyte."""
    path = tmp_path / "hostile.tar"
    member = tarfile.TarInfo("big")
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    member.pax_headers |= {"GNU.sparse.name": "big", "GNU.sparse.realsize": str(1 << 50)}
    content = b"1\n0\n0\n".ljust(512, b"\0")
    member.size = len(content)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member, io.BytesIO(content))
    with tarfile.open(path) as archive:
        (found,) = archive
        assert (found.isreg(), found.size) == (True, 1 << 50)
    with pytest.raises(IntegrityBroken, match="big is no regular file"):
        restore(path, tmp_path / "again")


def test_a_backup_that_is_a_pipe_keeps_nobody_waiting_and_no_link_is_replaced(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "backup.tar")
    with pytest.raises(ResourceMissing, match="can't be read"):
        restore(tmp_path / "backup.tar", tmp_path / "again")
    (tmp_path / "empty").mkdir()
    for name, to in (("dangling", tmp_path / "none"), ("link", tmp_path / "empty")):
        (tmp_path / name).symlink_to(to)
        with pytest.raises(UsageError, match="is a symbolic link"):
            restore(tmp_path / "backup.tar", tmp_path / name)
