"""Recall: what was made from data that is withdrawn, and what becomes of it.

A recall names versions, or records in them. It is signed together with the releases that read one
of these versions, as their manifests say, and stands as a finding on each: no run and no
deployment until somebody who judges releases answered, by signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from governed_kernel.errors import GovernedError, NotApproved, Refused, UnknownName, UsageError
from governed_kernel.governance import catalog, permission, withdrawal
from governed_kernel.governance.adopted import as_adopted
from governed_kernel.governance.catalog import label
from governed_kernel.governance.holdings import holds
from governed_kernel.governance.inheritance import files_made_from, is_changed
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest, record_refusal
from governed_kernel.lineage.attestations import Recall, RecallAnswer
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.release import manifest
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace, new_identifier

__all__ = ["Downstream", "answer", "downstream", "recall", "withdraw"]

_READERS = {".csv": "read_csv", ".parquet": "read_parquet", ".jsonl": "read_json"}


@dataclass(frozen=True)
class Downstream:
    """Everything that was made from some versions.

    Attributes
    ----------
    versions : dict of str to str
        ``NAME@VERSION`` → SHA-256: what was asked for, and what holds it or was made from it.
    records : dict of str to int
        For the withdrawal of a record: how many there are in which version.
    files : list of dict
        What sessions made of one of the versions, and lies there still; ``changed_since`` where
        another content lies in its place.
    releases, runs, bundles, deployments : list of dict
        What read one of the versions, and what came of it.
    unread : list of str
        What can't be read, and is taken to be concerned: versions whose files can't be searched
        for a record, releases whose manifest is not what was promoted.
    """

    versions: dict[str, str]
    records: dict[str, int] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    bundles: list[dict[str, Any]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def downstream(
    workspace: Workspace, name: str, record: tuple[str, str] | None = None, person: str = ""
) -> Downstream:
    """Everything made from a version, or from the versions that hold a record.

    Parameters
    ----------
    name : str
        ``NAME@VERSION``; with a record ``NAME`` stands for all its versions.
    record : tuple of column and value, optional
        Which record: rows of which the column has the value.
    person : str
        Who asks for a record.

    Raises
    ------
    UnknownName
        There is no such version, or no version holds such a record.
    PolicyDenied
        The person may not see all values, so may not learn which there are either.
    """
    registry = Registry.read(workspace)
    register = registry.register
    asked = register.version(name)
    family = _family(register, name, record)
    if record is not None:
        _check_sees_all(register, family, person, name)
    found = Downstream({label(version): version.sha256 for version in family})
    if record is not None:
        _keep_those_with(workspace, found, family, *record)
        if len(found.unread) == len(family):
            raise UnknownName(
                f"no version of {asked.dataset} can be searched for such a record",
                why=f"none is a table with a column {record[0]}",
                next=f"'governed data show {asked.dataset}' lists versions and columns",
            )
        if not found.versions:
            raise UnknownName(
                f"no version of {asked.dataset} holds such a record",
                why=f"{len(family)} versions were searched for it in the column {record[0]}",
                next=f"'governed data show {asked.dataset}' lists versions and columns",
            )
    try:
        found.files.extend(
            {"path": made.path, "made_from": made.origins, "class": made.data_class,
             "session": made.session_id, "changed_since": is_changed(made)}
            for made in files_made_from(workspace, found.versions)
        )  # fmt: skip
    except GovernedError as error:  # a finding stands on releases, and waits for no list of files
        found.unread.append(f"files made in sessions: {error.what}")
    _add_releases(workspace, registry, found)
    return found


def _family(
    register: Register, name: str, record: tuple[str, str] | None
) -> list[DatasetRegistered]:
    """What is asked about, and everything that was made from it."""
    asked = register.version(name)
    roots = register.datasets[asked.dataset] if record and "@" not in name else [asked]
    return list(_made_from(register, roots))


def _check_sees_all(
    register: Register, family: list[DatasetRegistered], person: str, name: str
) -> None:
    """Refuse who would guess at values that are masked for them, or in a class closed to them."""
    try:
        for version in family:
            permission.check_sees_all(register, version, person, "look for a record in")
    except Refused as error:
        record_refusal(register.workspace, person, "recall plan", name, error)
        raise


def _add_releases(workspace: Workspace, registry: Registry, found: Downstream) -> None:
    """Add what read one of the versions, and what came of it."""
    for release in registry.releases.values():
        unread = False
        try:
            inputs = set(manifest.inputs_of(workspace, release.promotion))
        except GovernedError as error:  # who can alter a file keeps nothing from being taken back
            found.unread.append(f"{release.name}: {error.what}")
            inputs, unread = set(), True
        read = sorted(inputs & found.versions.keys())
        if read or unread:
            live = [
                item for item in registry.deployments if item.deployment.release == release.name
            ]
            found.releases.append(
                {"release": release.name, "digest": release.digest, "state": release.state,
                 "author": release.author, "read": read}
            )  # fmt: skip
            found.runs.extend(
                {"run": run.run_id, "kind": run.started.kind, "release": release.name,
                 "state": run.state}
                for run in release.runs
            )  # fmt: skip
            found.bundles.extend(
                {"bundle": run.bundle.name, "release": release.name, "sha256": run.bundle.digest}
                for run in release.runs
                if run.bundle
            )
            found.deployments.extend(
                {"environment": item.deployment.environment, "slot": item.deployment.slot,
                 "bundle": item.deployment.bundle, "live_from": item.live_from,
                 "live_to": item.live_to}
                for item in live
            )  # fmt: skip


def recall(
    workspace: Workspace,
    name: str,
    person: str,
    passphrase: bytes,
    reason: str,
    record: tuple[str, str] | None = None,
) -> tuple[str, Downstream]:
    """Withdraw a version, or a record, and open a finding on every release made from it.

    Where rules lie there that nobody adopted, those decide that were (`as_adopted`).

    Returns
    -------
    str
        The recall's name.
    Downstream
        What it concerns.
    """
    if not reason.strip() or ("@" not in name and record is None):
        raise UsageError(
            f"{name} can't be recalled like that",
            why="it takes NAME@VERSION (with --record a NAME is enough) and a reason",
            next=f"'governed data show {name.partition('@')[0]}' lists the versions",
        )
    workspace = as_adopted(workspace, person, "recall", name)
    register = Register.read(workspace)
    family = {label(version) for version in _family(register, name, record)}
    found = downstream(workspace, name, record, person)
    called = new_identifier("recall-")

    def make(current: Register, who: Person) -> Recall:
        if {label(version) for version in _family(current, name, record)} != family:
            raise Refused(
                f"{name} can't be recalled in this moment",
                why="a version made from it was registered while it was looked at",
                next="run the same command again",
            )
        return Recall(
            person=who.name,
            printed_name=who.printed_name,
            meaning="recalled",
            recall=called,
            versions=found.versions,
            releases={row["release"]: row["digest"] for row in found.releases},
            reason=reason.strip(),
            records=sum(found.records.values()) if record else 0,
        )

    # Both in one write: a withdrawal that stood alone would open no finding, ever.
    if record is None and register.version(name).state != "withdrawn":
        withdrawal.withdraw(workspace, name, person, passphrase, reason, also=[make])
    else:
        attest(workspace, person, passphrase, make, action="recall", resource=name)
    return called, found


def withdraw(
    workspace: Workspace, name: str, person: str, passphrase: bytes, reason: str
) -> tuple[str, Downstream]:
    """As `recall` of a version, which is done once.

    Raises
    ------
    UsageError
        It is withdrawn, and the findings that this asks for were opened.
    """
    workspace = as_adopted(workspace, person, "data withdraw", name)
    registry = Registry.read(workspace)
    if "@" in name and registry.register.version(name).state == "withdrawn":
        opened = [back.said for back in registry.taken_back if not back.said.records]
        if done := next((said.recall for said in opened if name in said.versions), ""):
            error = UsageError(
                f"{name} is withdrawn already",
                why=f"an entry in the ledger says so, and {done} what was made from it",
                next="nothing is to be done; 'governed recall list' shows what waits for an answer",
            )
            record_refusal(workspace, person, "data withdraw", name, error)
            raise error
    return recall(workspace, name, person, passphrase, reason)


def answer(
    workspace: Workspace,
    called: str,
    release: str,
    person: str,
    passphrase: bytes,
    *,
    decision: Literal["continue", "stop"],
    reason: str,
) -> RecallAnswer:
    """Answer what a recall asks of one release.

    Raises
    ------
    UnknownName
        The recall does not name that release.
    UsageError
        It was answered already, or no reason is given.
    NotApproved
        Who answers is the author.
    """
    if not reason.strip():
        raise UsageError(
            "an answer takes a reason",
            why="whoever reads the record later must learn why",
            next="give one with --reason",
        )
    said: list[RecallAnswer] = []

    def make(register: Register, who: Person) -> RecallAnswer:
        record = Registry(register).release(release)
        finding = next((item for item in record.recalls if item.recall.recall == called), None)
        if finding is None:
            raise UnknownName(
                f"no recall {called} names {record.name}",
                why=f"it has {', '.join(item.recall.recall for item in record.recalls) or 'none'}",
                next="'governed recall list' shows what is open",
            )
        if finding.answer is not None:
            raise UsageError(
                f"{called} was answered for {record.name}",
                why=f"by {finding.answer.printed_name}: {finding.answer.reason}",
                next="nothing is to be done; another recall can be opened",
            )
        if record.author == who.name:
            raise NotApproved(
                f"{who.name} can't answer for {record.name}",
                why="they are its author, and nobody judges their own work",
                next="ask somebody who judges releases",
            )
        said.append(
            RecallAnswer(
                person=who.name,
                printed_name=who.printed_name,
                meaning="answered",
                recall=called,
                release=record.name,
                digest=record.digest,
                decision=decision,
                reason=reason.strip(),
            )
        )
        return said[-1]

    attest(workspace, person, passphrase, make, action="recall answer", resource=release)
    return said[-1]


def _made_from(register: Register, roots: list[DatasetRegistered]) -> Iterator[DatasetRegistered]:
    """The versions, what was divided or made from them, and what has or holds the same content.

    Made from them is what rules made, and what sessions made by their recorded lineage.
    """
    everything = [version for history in register.datasets.values() for version in history]
    waiting, seen = list(roots), set()
    while waiting:
        version = waiting.pop(0)
        if label(version) in seen:
            continue
        seen.add(label(version))
        yield version
        parts = {
            part
            for split in register.splits
            if f"{split.dataset}@{split.version}" == label(version)
            for part in split.parts.values()
        }
        waiting += [
            other
            for other in everything
            if other.derived_from == label(version)
            or label(version) in other.made_from
            or label(other) in parts
            or holds(other, version.sha256)
        ]


def _keep_those_with(
    workspace: Workspace,
    found: Downstream,
    family: list[DatasetRegistered],
    column: str,
    value: str,
) -> None:
    import duckdb

    for version in family:
        try:
            count = _count(workspace, version, column, value)
        except (GovernedError, duckdb.Error, UnicodeError):
            found.unread.append(label(version))
            continue
        if count:
            found.records[label(version)] = count
        else:
            del found.versions[label(version)]


def _count(workspace: Workspace, version: DatasetRegistered, column: str, value: str) -> int:
    """How many rows of a version have `value` in `column`, as text."""
    import duckdb

    from governed_kernel.lineage.binding import literal

    snapshot = catalog.verify(workspace, version)
    found = [snapshot] if snapshot.is_file() else sorted(snapshot.rglob("*"))
    total = 0
    with duckdb.connect() as connection:
        for path in (path for path in found if path.is_file()):
            reader = _READERS.get(path.suffix.lower())
            if reader is None:
                raise UnknownName(f"{path.name} can't be searched", why="", next="")
            options = ", all_varchar = true" if reader == "read_csv" else ""
            quoted = column.replace('"', '""')
            row = connection.execute(
                f"SELECT count(*) FROM {reader}({literal(str(path))}{options}) "  # noqa: S608 (quoted)
                f'WHERE CAST("{quoted}" AS VARCHAR) = {literal(value)}',
            ).fetchone()
            total += int(row[0]) if row else 0
    return total
