"""Many who write and read one workspace at the same time, also as several Unix users."""

from __future__ import annotations

import grp
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.kernel.running import RunningKernel, home_of, make_workspace

pytestmark = pytest.mark.slow

CELLS = 6
READER = """
import sys, time
from pathlib import Path
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
store = Store(Workspace(Path(sys.argv[1])))
# What was brought in of a journal, and what is there of it: of cells that ended there is all.
WHOLE = (
    "SELECT (SELECT count(*) FROM base.journals), (SELECT sum(records) FROM base.journals), "
    "(SELECT count(*) FROM base.cell_started), (SELECT count(*) FROM base.cell_ended), "
    "(SELECT count(*) FROM base.journals j WHERE j.records <= "
    "(SELECT coalesce(max(record), -1) FROM base.cell_started c "
    "WHERE c.session_no = j.session_no))"
)
seen, until = 0, time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    with store.read() as connection:
        first = connection.execute(WHOLE).fetchone()
        time.sleep(0.3)  # a long reader
        assert connection.execute(WHOLE).fetchone() == first, "it changed under a reader"
    journals, records, started, ended, ahead = first
    assert ahead == 0, first
    assert started - ended in range(journals + 1), first
    assert (records or 0) >= seen, "records went away"
    seen = records or 0
print(seen)
"""


def governed(workspace: Workspace, *words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """``governed …`` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "governed_kernel", "--workspace", str(workspace.root), *words],
        capture_output=True,
        text=True,
        check=False,
        **how,
    )


def test_kernels_commands_and_a_long_reader_at_once(tmp_path: Path) -> None:
    """Readers see whole ingests, and everything that was acknowledged before they asked."""
    workspace = make_workspace(tmp_path / "workspace")
    Store(workspace).ingest()
    environment = {**os.environ, "GOVERNED_HOME": str(home_of(workspace))}
    problems: list[str] = []
    kernels = [RunningKernel(workspace) for _ in range(2)]
    reading = subprocess.Popen(
        [sys.executable, "-c", READER, str(workspace.root), "6"], stdout=subprocess.PIPE, text=True
    )

    def work(kernel: RunningKernel) -> None:
        for number in range(CELLS):
            if kernel.run(f"x = {number}").status != "ok":
                problems.append("a cell failed")
            if number % 3 != 2:
                continue
            name = kernel.journal.stem
            sql = f"select count(*) as n from cells where session_id = '{name}'"
            found = governed(workspace, "lineage", "sql", sql, "--json", env=environment)
            if found.returncode or msgspec.json.decode(found.stdout)[0]["n"] <= number:
                problems.append(f"after cell {number}: {found.stdout}{found.stderr}")

    workers = [threading.Thread(target=work, args=(kernel,)) for kernel in kernels]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        for kernel in kernels:
            kernel.close()
    assert reading.wait(timeout=60) == 0
    assert reading.stdout is not None
    reading.stdout.close()
    assert not problems
    store = Store(workspace)
    store.ingest()
    (row,) = store.query("SELECT count(*) AS n FROM cells")
    assert row["n"] == 2 * CELLS
    before = store.fingerprint()
    store.rebuild()
    assert store.fingerprint() == before


# --- several Unix users ----------------------------------------------------------------------


class Team:
    """Two Unix users of one group, and a folder that belongs to the group."""

    def __init__(self) -> None:
        mark = secrets.token_hex(3)
        self.group = f"gn{mark}"
        self.users = [f"gn{mark}a", f"gn{mark}b"]
        subprocess.run(["groupadd", self.group], check=True)
        for user in self.users:
            subprocess.run(["useradd", "-M", "-N", "-g", self.group, user], check=True)
        self.base = Path(tempfile.mkdtemp(prefix="team-", dir="/var/tmp"))
        self.base.chmod(0o755)
        self.folder = self.base / "berries"
        self.folder.mkdir()
        shutil.chown(self.folder, self.users[0], self.group)
        self.folder.chmod(0o2770)
        for user in self.users:
            home = self.base / user
            home.mkdir(mode=0o700)
            shutil.chown(home, user, self.group)
            (home / "secret").write_text(f"a passphrase of {user}")
            shutil.chown(home / "secret", user, self.group)

    def governed(self, user: str, *words: str, umask: int = 0o002) -> Any:
        """A command of a user, in the workspace."""
        home = self.base / user
        # The interpreter may lie in root's home, where others can't look; what is written counts.
        reading = [f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient")]
        become = ["setpriv", f"--reuid={user}", f"--regid={self.group}", "--clear-groups", *reading]
        command = [sys.executable, "-m", "governed_kernel", "--workspace", str(self.folder)]
        return subprocess.run(
            [*become, *command, *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            umask=umask,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "GOVERNED_HOME": str(home)},
        )

    def close(self) -> None:
        """Leave no user behind."""
        for user in self.users:
            subprocess.run(["userdel", user], check=False, capture_output=True)
        subprocess.run(["groupdel", self.group], check=False, capture_output=True)
        shutil.rmtree(self.base)


@pytest.fixture
def team() -> Iterator[Team]:
    if os.geteuid() != 0 or not (shutil.which("useradd") and shutil.which("setpriv")):
        pytest.skip("only root can make users and become them")
    made = Team()
    try:
        yield made
    finally:
        made.close()


def test_two_unix_users_share_a_workspace_by_its_group(team: Team) -> None:
    one, two = team.users
    secret = str(team.base / one / "secret")
    made = team.governed(
        one, *("init", str(team.folder), "--as", "ada", "--printed-name", "Ada"),
        *("--passphrase-file", secret),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    for turn, user in enumerate((two, one)):
        data = team.folder / f"data-{turn}.csv"
        data.write_text(f"a,b\n{turn},2\n")
        data.chmod(0o660)
        shutil.chown(data, user, team.group)
        registered = team.governed(
            user, *("data", "register", f"data-{turn}", data.name, "--as", "ada", "--owner", "us"),
            *("--legal-basis", "picked by us", "--class", "public", "--purpose", "explore"),
        )  # fmt: skip
        assert registered.returncode == 0, registered.stderr
        for words in (("lineage", "sessions"), ("audit", "verify", "--no-store")):
            done = team.governed(user, *words)
            assert done.returncode == 0, (user, words, done.stdout, done.stderr)
    group = grp.getgrnam(team.group).gr_gid
    for path in (team.folder / ".governed").rglob("*"):
        assert path.stat().st_gid == group, path
    owners = {path.owner() for path in (team.folder / "catalog").iterdir()}
    assert owners == {one, two}


def test_who_may_not_write_is_told_what_to_mend(team: Team) -> None:
    """With a umask of 022 the first user's files are closed to the group."""
    one, two = team.users
    made = team.governed(
        one, *("init", str(team.folder), "--as", "ada", "--printed-name", "Ada"),
        *("--passphrase-file", str(team.base / one / "secret")), umask=0o022,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (team.folder / "data.csv").write_text("a,b\n1,2\n")
    refused = team.governed(
        two, *("data", "register", "data", "data.csv", "--as", "ada", "--owner", "us"),
        *("--legal-basis", "picked by us", "--class", "public", "--purpose", "explore"),
    )  # fmt: skip
    assert refused.returncode == 6, refused.stderr
    assert "Permission denied" in refused.stderr
    assert "mend the permissions" in refused.stderr
    for words in (
        ("lineage", "sessions"),
        ("lineage", "sql", "from decisions"),
        ("audit", "verify"),
    ):
        done = team.governed(two, *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert not list(team.folder.glob(".governed/*.duckdb"))
    begun = team.folder / ".governed" / "runs" / "run-1"
    begun.mkdir(parents=True)
    (begun / "plan.json").write_text("{}")  # the end of a run is put on record by who may write
    done = team.governed(two, "release", "list")
    assert done.returncode == 0, (done.stdout, done.stderr)
