"""What commands cost on a workspace of 1,000 releases and 10,000 versions of datasets.

Run it: ``python tests/benchmarks/registry_size.py [RELEASES VERSIONS]``. Every entry of the ledger
is really signed, by the people and the service that the rules ask for; what lies outside of the
ledger (notebooks, weights) is left out, but for the catalog's cards. Each command is a process of
its own, timed in seconds that pass and, in brackets, seconds of processor, children included: the
first time that a person reads this workspace, when every signature is verified and every projection
made; then the median of three; then the first time after the ledger has gone on, when what was made
from it is made anew.
The limit of what passes is one second, on a machine that does nothing else.
"""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from securesystemslib.dsse import Envelope

sys.path.insert(0, str(Path(__file__).parents[2]))

from governed_kernel.canonical import digest_bytes
from governed_kernel.governance import envelopes, keys, pkcs8
from governed_kernel.governance.cards import mend_cards
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.public_keys import parse_public_key
from governed_kernel.governance.register import Register
from governed_kernel.lineage import events
from governed_kernel.lineage.attestations import (
    Approval,
    Bundle,
    Deployment,
    Predicate,
    Promotion,
    Record,
)
from governed_kernel.lineage.events import Attested, DatasetRegistered, FileDigest
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release import lists
from governed_kernel.release.manifest import Input, ReleaseManifest
from governed_kernel.release.registry import Registry, RunRecord
from governed_kernel.workspace import Workspace
from tests.governance.people import EVERYBODY, make_workspace, passphrase

LIMIT = 1.0
_VERSIONS_EACH = 10
_STEP = timedelta(microseconds=5)
"""Between two entries: none is of a time to come, nor before the people were added, whose approvals
would not count."""


class _Writer:
    """Signs in the name of everybody, and keeps what is to be appended."""

    def __init__(self, workspace: Workspace) -> None:
        register = Register.read(workspace)
        self.workspace, self.workspace_id = workspace, register.workspace_id
        self.signers = {name: keys.unlock(name, passphrase(name)) for name in EVERYBODY[:-1]}
        self.service = keys.service_signer(register.workspace_id, register.service_key)
        self.policy = register.policy
        self.made: list[Any] = []
        self.moment = datetime.now(UTC)

    def sign(self, kind: type[Any], person: str, **said: Any) -> Predicate:
        """Add what a person signs."""
        name = SERVICE_NAME if person == SERVICE else register_name(person)
        predicate: Predicate = kind(
            person=person, printed_name=name, workspace_id=self.workspace_id,
            signed_at=self.moment, **said,
        )  # fmt: skip
        signer = self.service if person == SERVICE else self.signers[person]
        self.add(Attested(envelope=envelopes.sign(predicate, signer), occurred_at=self.moment))
        return predicate

    def add(self, event: Any) -> None:
        """Add an event, a moment after the one before."""
        self.made.append(event)
        self.moment += _STEP

    def record(self, event: Any) -> None:
        """Add what the service saw."""
        self.sign(Record, SERVICE, meaning="recorded", event=event)


def register_name(person: str) -> str:
    """As `make_workspace` prints it."""
    return "Ada Lovelace" if person == "ada" else person.title()


def fill(workspace: Workspace, releases: int, versions: int) -> int:
    """Write the ledger; returns how many records it has."""
    writer = _Writer(workspace)
    for number in range(versions):
        _register(writer, number)
    for number in range(releases):
        _release(writer, number, versions)
    Ledger(workspace).append(*writer.made)
    mend_cards(workspace, Register.read(workspace).datasets)  # as each registration writes its own
    return len(Ledger(workspace).records())


def _register(writer: _Writer, number: int) -> None:
    sha256 = digest_bytes(f"data {number}".encode())
    writer.add(
        DatasetRegistered(
            dataset=f"dataset-{number // _VERSIONS_EACH}",
            kind="data",
            sha256=sha256,
            version=str(number % _VERSIONS_EACH + 1),
            bytes=1000,
            data_class="internal",
            files=[FileDigest("data.csv", sha256, 1000)],
            owner="Clinic",
            person="sam",
            purposes=["train"],
            legal_basis="contract",
            source="file",
            rows=100,
            occurred_at=writer.moment,
        )
    )


def _release(writer: _Writer, number: int, versions: int) -> None:
    """Promotion, two approvals, a run, its validation, an approval, a bundle, a deployment."""
    name, run_id = f"triage-{number // 10}@{number % 10 + 1}", f"run-{number:06}"
    used = number * 7 % versions
    bound = _manifest(writer, name, used)
    digest = bound.digest()
    folder = writer.workspace.releases / name
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(bound.encoded())
    common: dict[str, Any] = {"release": name, "digest": digest}
    writer.sign(
        Promotion, "sam", notebook="research/triage.ipynb", session_id="s",
        risk_class="minimal", **common,
    )  # fmt: skip
    for person in ("rita", "dora"):
        writer.sign(Approval, person, purpose="run", meaning="reviewed", **common)
    started = events.RunStarted(
        run_id=run_id, kind="release", person="olga", parameters={}, environment="e" * 64,
        occurred_at=writer.moment, **common,
    )  # fmt: skip
    weights = events.Artifact("adapter/model.safetensors", "file:///w", digest, 9, "weights")
    ended = events.RunEnded(
        run_id=run_id, state="succeeded", artifacts=[weights], occurred_at=writer.moment
    )
    cases = [
        events.CaseResult("functional", f"case-{n}", "passed", 0.9, 0.5, True) for n in range(20)
    ]
    validated = events.ValidationRecorded(
        run_id=run_id, validation_run=f"validation-{number}", suite="triage", suite_sha256=digest,
        passed=True, cases=cases, evidence=[FileDigest("evidence/triage.json", digest, 7)],
        person="olga", required=["case-0"], occurred_at=writer.moment,
    )  # fmt: skip
    compared = events.RerunCompared(
        run_id=run_id, rerun_id=f"rerun-{number:06}", verdict="IDENTICAL", weights_sha256=digest,
        differences=[], person="sam", occurred_at=writer.moment,
    )  # fmt: skip
    for event in (started, ended, validated, compared):
        writer.record(event)
    evidence, files = RunRecord(started, ended, [validated]).evidence()
    writer.sign(
        Approval, "rita", release=name, purpose="deployment", digest=evidence, run_id=run_id,
        evidence=files, meaning="approved",
    )  # fmt: skip
    sealed = writer.sign(
        Bundle, SERVICE, release=name, run_id=run_id, digest=digest, requested_by="olga",
        meaning="sealed",
    )  # fmt: skip
    assert isinstance(sealed, Bundle)
    writer.sign(
        Deployment, "olga", environment="preprod", slot=f"slot-{number // 10}", release=name,
        bundle=sealed.name, sha256=digest, meaning="deployed",
    )  # fmt: skip


def _manifest(writer: _Writer, name: str, used: int) -> ReleaseManifest:
    file = FileDigest("research/triage.ipynb", "0" * 64, 1)
    version = f"{used % _VERSIONS_EACH + 1}"
    sha256 = digest_bytes(f"data {used}".encode())
    dataset = f"dataset-{used // _VERSIONS_EACH}"
    return ReleaseManifest(
        release=name, author="sam", notebook=file, research_notebook=file, origin=file,
        difference=file, session_id="s", parameters=[], environment="e" * 64, code=[], suites=[],
        inputs=[Input(dataset, version, "data", sha256, "internal", ["train"])],
        tolerance={}, policy=writer.policy, threads=1, risk_class="minimal",
    )  # fmt: skip


def commands(home: Path) -> Iterator[tuple[str, int]]:
    """What is timed, and how each must end."""
    secret = home / "rita.txt"
    secret.write_bytes(passphrase("rita"))
    yield from (
        ("release list", 0),
        ("release show triage-7@3", 0),
        ("release show triage-7@3 --json", 0),
        ("data list", 0),
        ("data show dataset-77", 0),
        ("people list", 0),
        ("policy show", 0),
        ("policy explain deploy triage-7@3 --as olga", 0),
        ("recall plan dataset-77@1", 0),
        ("recall list", 0),
        ("run triage-7@3 --as olga", 4),  # its files are not there: found after every signature
        (f"reject triage-8@1 --reason no --as rita --passphrase-file {secret}", 0),
        ("audit as-of 2100-01-01", 0),
        ("lineage sql 'select count(*) from releases'", 0),
    )


class Cost(NamedTuple):
    """What one command took: seconds that passed, and seconds of processor."""

    passed: float
    used: float

    def __str__(self) -> str:
        mark = "" if self.passed < LIMIT else " **"
        return f"{self.passed:.2f} ({self.used:.2f}){mark}"


def timed(workspace: Workspace, words: str, code: int) -> Cost:
    """What one command takes in a process of its own."""
    line = [sys.executable, "-m", "governed_kernel", "--workspace", str(workspace.root)]
    used, started = _used(), time.perf_counter()
    done = subprocess.run([*line, *shlex.split(words)], capture_output=True, text=True, check=False)
    cost = Cost(time.perf_counter() - started, _used() - used)
    if done.returncode != code:
        raise SystemExit(f"{words}: {done.returncode}\n{done.stderr[-2000:]}")
    return cost


def _forget(workspace: Workspace, home: Path) -> None:
    """Let the next command be the first that this person gives here."""
    shutil.rmtree(home / "verified", ignore_errors=True)
    for name in ("verified-envelopes", "known_workspaces.json"):
        (home / name).unlink(missing_ok=True)
    for path in workspace.store.parent.glob(f"{workspace.store.name}*"):
        path.unlink()


def _used() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def verification_alone(workspace: Workspace) -> float:
    """Seconds that the bare arithmetic of all signatures takes on one processor."""
    register = Register.read(workspace)
    keys_known = {
        key.key_id: key.key.opened for person in register.people.values() for key in person.keys
    }
    service = parse_public_key(register.service_key)
    keys_known[service.keyid] = service.opened
    asked = []
    for entry in register.entries:
        envelope = Envelope.from_dict(msgspec.json.decode(msgspec.json.encode(entry.envelope)))
        (made,) = envelope.signatures.values()
        asked.append((made.keyid, bytes.fromhex(made.signature), envelope.pae()))
    algorithm = ECDSA(SHA256())
    started = time.process_time()
    for key_id, signature, signed in asked:
        keys_known[key_id].verify(signature, signed, algorithm)
    return time.process_time() - started


def main(releases: int, versions: int) -> int:
    """Print the table; returns how many figures are over the limit."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        os.environ["GOVERNED_HOME"] = str(home)
        # what a passphrase costs is not what is asked here
        keys.COST = pkcs8.Cost(n=2**8, r=8, p=1)
        for person in EVERYBODY:
            keys.generate(person, passphrase(person))
        workspace = make_workspace(Path(folder) / "workspace")
        started = time.perf_counter()
        records = fill(workspace, releases, versions)
        sys.stdout.write(
            f"{releases:,} releases, {versions:,} versions, {records:,} records, "
            f"{workspace.ledger.stat().st_size / 1e6:.0f} MB of ledger, written in "
            f"{time.perf_counter() - started:.0f} s\n"
        )
        alone = verification_alone(workspace)
        sys.stdout.write(f"{_HEADING.format(len(Register.read(workspace).entries), alone)}")
        changes = (
            f"reject triage-{number}@1 --reason no --as rita --passphrase-file {home / 'rita.txt'}"
            for number in count(20)
        )
        rows = [_row(workspace, home, *command, changes) for command in commands(home)]
        _lists(workspace)
        return sum(rows)


def _lists(workspace: Workspace) -> None:
    """What a page of each list costs a server: the first, one that is searched, the last."""
    started = time.perf_counter()
    registry = Registry.read(workspace)
    sys.stdout.write(f"\nledger replayed in {time.perf_counter() - started:.2f} s\n\n")
    sys.stdout.write(
        "| list | first, ms | again | searched | last page |\n|---|---:|---:|---:|---:|\n"
    )
    asked: dict[str, Callable[..., lists.Page]] = {
        "releases": lambda **said: lists.listed_releases(registry, "rita", **said),
        "runs": lambda **said: lists.listed_runs(registry, **said),
        "validations": lambda **said: lists.listed_evaluations(registry, **said),
        "catalog": lambda **said: lists.listed_versions(registry.register, **said),
        "verdicts": lambda **said: lists.listed_verdicts(registry, **said),
    }
    for name, page in asked.items():
        taken: list[float] = []
        said: dict[str, Any] = {}
        for question in ("", "", "search", "offset"):
            started = time.perf_counter()
            found = page(limit=100, **({question: said[question]} if question else {}))
            taken.append(1000 * (time.perf_counter() - started))
            said = {"search": "7", "offset": found.all - 1}
        sys.stdout.write(f"| {name} | {' | '.join(f'{ms:.0f}' for ms in taken)} |\n")


_HEADING = """the arithmetic of its {:,} signatures alone: {:.2f} s of one processor

| command | first | then | after a change |
|---|---:|---:|---:|
"""


def _row(workspace: Workspace, home: Path, words: str, code: int, changes: Iterator[str]) -> int:
    """Print what a command takes; returns how many of its figures are over the limit."""
    once = words.startswith("reject")
    _forget(workspace, home)
    costs = [timed(workspace, words, code)]
    if not once:
        costs.append(sorted(timed(workspace, words, code) for _ in range(3))[1])
        timed(workspace, next(changes), 0)
        costs.append(timed(workspace, words, code))
    said = words.partition(" --passphrase")[0]
    cells = [str(cost) for cost in costs] + [""] * (3 - len(costs))
    sys.stdout.write(f"| {said} | {' | '.join(cells)} |\n")
    sys.stdout.flush()
    return sum(cost.passed >= LIMIT for cost in costs)


if __name__ == "__main__":
    sizes = [int(word) for word in sys.argv[1:]] or [1000, 10_000]
    slow = main(*sizes)
    sys.stdout.write(f"\n{slow} figures are {LIMIT:g} s or more\n")
