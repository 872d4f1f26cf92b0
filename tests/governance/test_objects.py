from __future__ import annotations

import hashlib
import os
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from governed_kernel.errors import IntegrityBroken, ResourceMissing, UsageError
from governed_kernel.governance.objects import ObjectStore, manifest_digest
from governed_kernel.lineage.events import FileDigest
from governed_kernel.workspace import Workspace


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    (tmp_path / "workspace").mkdir()
    return ObjectStore(Workspace(tmp_path / "workspace"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x,y\n1,2\n")
    return path


def leftovers(store: ObjectStore) -> list[str]:
    return [path.name for path in store.root.rglob(".*")] if store.root.exists() else []


def test_a_file_is_kept_by_its_digest_once_and_read_only(store: ObjectStore, file: Path) -> None:
    first, again = store.add_file(file), store.add_file(file, "other/name.csv")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert first == FileDigest("a.csv", sha256, 8)
    assert again == FileDigest("other/name.csv", sha256, 8)
    kept = store.path(sha256)
    assert kept == store.root / sha256[:2] / sha256
    assert stat.S_IMODE(kept.stat().st_mode) == 0o444
    assert kept.stat().st_nlink == 1
    assert leftovers(store) == []


def test_bytes_are_kept_like_files(store: ObjectStore, file: Path) -> None:
    assert store.add_bytes(file.read_bytes(), "b") == FileDigest(
        "b", store.add_file(file).sha256, 8
    )


def test_a_large_file_streams_and_reports_its_progress(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(3 << 20) + b"rest")
    seen: list[int] = []
    assert store.add_file(path, progress=seen.append).bytes == sum(seen) == (3 << 20) + 4
    assert max(seen) <= 1 << 20


def test_a_symbolic_link_is_refused_as_file_and_inside_a_folder(
    store: ObjectStore, file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(file)
    (tmp_path / "link").symlink_to(file)
    for attempt in (
        lambda: store.add_file(tmp_path / "link"),
        lambda: store.add_folder(folder),
    ):
        with pytest.raises(UsageError, match="symbolic link"):
            attempt()


@pytest.mark.timeout(20)
def test_a_pipe_is_refused_without_waiting_for_a_writer(store: ObjectStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no regular file") as refused:
        store.add_file(tmp_path / "pipe")
    assert "link" not in refused.value.why + refused.value.next


def test_a_file_that_vanished_is_a_missing_resource(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ResourceMissing, match="can't be read"):
        store.add_file(tmp_path / "gone")


def test_a_file_that_is_written_while_it_is_copied_is_refused(
    store: ObjectStore, tmp_path: Path
) -> None:
    path = tmp_path / "growing.bin"
    path.write_bytes(bytes(3 << 20))

    def write_meanwhile(_: int) -> None:
        with path.open("ab") as out:
            out.write(b"more")

    with pytest.raises(UsageError, match="changed while it was copied"):
        store.add_file(path, progress=write_meanwhile)
    assert leftovers(store) == []
    assert list(store.root.rglob("[0-9a-f]*")) == []


def test_a_file_that_is_replaced_while_it_is_copied_is_refused(
    store: ObjectStore, tmp_path: Path
) -> None:
    path, other = tmp_path / "a.bin", tmp_path / "b.bin"
    path.write_bytes(bytes(2 << 20))

    def replace(_: int) -> None:
        other.write_bytes(bytes(2 << 20))
        other.replace(path)

    with pytest.raises(UsageError, match="changed while it was copied"):
        store.add_file(path, progress=replace)


def test_a_disk_that_fills_leaves_nothing_half_made(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(4 << 20))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    try:
        with pytest.raises(ResourceMissing, match="can't take the file"):
            store.add_file(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert leftovers(store) == []
    store.add_file(path)


def test_many_that_add_the_same_at_once_leave_one_object(store: ObjectStore, file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: store.add_file(file), range(32)))
    assert len(found) == 1
    assert leftovers(store) == []
    store.verify(list(found))


def test_two_processes_that_make_the_same_snapshot_at_once_both_succeed(
    store: ObjectStore, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.bin").write_bytes(os.urandom(1000))
    files = store.add_folder(folder)
    code = (
        "import sys, pathlib\n"
        "from governed_kernel.workspace import Workspace\n"
        "from governed_kernel.governance.objects import ObjectStore, manifest_digest\n"
        "store = ObjectStore(Workspace(pathlib.Path(sys.argv[1])))\n"
        "files = store.add_folder(pathlib.Path(sys.argv[2]))\n"
        "print(store.snapshot(files, manifest_digest(files)))\n"
    )
    command = [sys.executable, "-c", code, str(store.workspace.root), str(folder)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = {process.communicate(timeout=60)[0] for process in processes}
    assert all(process.returncode == 0 for process in processes)
    assert len(outputs) == 1
    store.verify(files, manifest_digest(files))


def test_a_snapshot_is_a_read_only_folder_of_links(store: ObjectStore, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "w.bin").write_bytes(b"weights")
    (folder / "config.json").write_bytes(b"{}")
    files = store.add_folder(folder)
    assert [file.path for file in files] == ["config.json", "sub/w.bin"]
    snapshot = store.snapshot(files, manifest_digest(files))
    assert (snapshot / "sub" / "w.bin").read_bytes() == b"weights"
    assert (snapshot / "sub" / "w.bin").stat().st_ino == store.path(files[1].sha256).stat().st_ino
    assert stat.S_IMODE((snapshot / "sub").stat().st_mode) == 0o555
    assert store.snapshot(files, manifest_digest(files)) == snapshot


def test_one_content_under_two_names_has_both_in_its_snapshot(
    store: ObjectStore, file: Path
) -> None:
    first, second = store.add_file(file, "a.csv"), store.add_file(file, "b.csv")
    store.snapshot([first], first.sha256)
    snapshot = store.snapshot([second], second.sha256)
    assert {path.name for path in snapshot.iterdir()} == {"a.csv", "b.csv"}
    for one in (first, second):
        store.verify([one], one.sha256)
    snapshot.chmod(0o755)
    (snapshot / "c.csv").write_bytes(file.read_bytes() + b"3,4\n")
    with pytest.raises(IntegrityBroken, match=r"c\.csv was added"):
        store.verify([first], first.sha256)
    (snapshot / "c.csv").unlink()
    (snapshot / "c.csv").symlink_to(file)
    with pytest.raises(IntegrityBroken, match=r"c\.csv was added"):
        store.verify([first], first.sha256)


def test_the_digest_of_a_folder_does_not_depend_on_the_order_of_its_files() -> None:
    files = [FileDigest("b", "02" * 32, 1), FileDigest("a", "01" * 32, 1)]
    assert manifest_digest(files) == manifest_digest(files[::-1])
    assert manifest_digest(files) != manifest_digest([FileDigest("c", "02" * 32, 1), files[1]])


def alter(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(bytes(data))


def test_one_changed_byte_is_found_by_name(store: ObjectStore, file: Path) -> None:
    kept = store.add_file(file)
    store.snapshot([kept], kept.sha256)
    store.verify([kept], kept.sha256)
    alter(store.path(kept.sha256))
    with pytest.raises(IntegrityBroken, match=r"a\.csv is not what was registered"):
        store.verify([kept])
    with pytest.raises(IntegrityBroken):
        store.verify_snapshot([kept], kept.sha256)


def test_a_spoiled_object_is_not_taken_for_the_content_added_again(
    store: ObjectStore, file: Path
) -> None:
    alter(store.path(store.add_file(file).sha256))
    with pytest.raises(IntegrityBroken):
        store.add_file(file)
    assert leftovers(store) == []


def test_a_missing_object_is_found_by_name(store: ObjectStore, file: Path) -> None:
    kept = store.add_file(file)
    store.path(kept.sha256).unlink()
    with pytest.raises(IntegrityBroken, match="is missing"):
        store.verify([kept])
    with pytest.raises(IntegrityBroken, match="is missing"):
        store.snapshot([kept], kept.sha256)


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../b", ""])
def test_a_name_that_leaves_the_snapshot_is_refused(
    store: ObjectStore, file: Path, name: str
) -> None:
    kept = store.add_file(file)
    with pytest.raises(IntegrityBroken, match="outside"):
        store.snapshot([FileDigest(name, kept.sha256, kept.bytes)], kept.sha256)
    assert not (store.snapshots / kept.sha256).exists()
    assert not list(store.root.parent.rglob("escape"))


def test_a_file_that_somebody_has_open_for_writing_is_refused(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "growing.csv"
    path.write_text("a,b\n1,2\n")
    store = ObjectStore(workspace)
    with path.open("a"), pytest.raises(UsageError, match="is being written"):
        store.add_file(path)
    assert not [*workspace.objects.glob(".adding-*")]
    assert store.add_file(path).bytes == 8


# --- file systems that share blocks --------------------------------------------------------------

MAKERS = {"xfs": ("mkfs.xfs", "-q"), "btrfs": ("mkfs.btrfs", "-q")}
MEGABYTE = 1 << 20


@pytest.fixture(params=MAKERS)
def sharing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An empty file system, in a file, that can share blocks between files."""
    maker, *options = MAKERS[request.param]
    if os.geteuid() != 0 or shutil.which(maker) is None:
        pytest.skip(f"it takes root and {maker}, of Debian's xfsprogs and btrfs-progs")
    image, place = tmp_path / "image", tmp_path / "mounted"
    image.touch()
    os.truncate(image, 400 * MEGABYTE)
    subprocess.run([maker, *options, image], check=True, stdout=subprocess.DEVNULL)
    place.mkdir()
    mounted = subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file can be mounted here: {mounted.stderr}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.full
def test_where_blocks_can_be_shared_nothing_is_written_twice(sharing: Path, tmp_path: Path) -> None:
    folder = sharing / "scans"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.bin").write_bytes(os.urandom(40 * MEGABYTE))
    (tmp_path / "elsewhere.bin").write_bytes(os.urandom(MEGABYTE))
    store = ObjectStore(Workspace(sharing))
    free = _free(sharing)
    kept = store.add_folder(folder)
    snapshot = store.snapshot(kept, manifest_digest(kept))
    assert free - _free(sharing) < 4 * MEGABYTE
    (folder / "0.bin").write_bytes(b"other by now")  # what was kept is no part of the file
    store.verify(kept, snapshot.name)
    other = store.add_file(tmp_path / "elsewhere.bin")  # from another file system it is copied
    assert store.path(other.sha256).read_bytes() == (tmp_path / "elsewhere.bin").read_bytes()


def _free(place: Path) -> int:
    os.sync()
    status = os.statvfs(place)
    return status.f_bavail * status.f_frsize
