"""`governed audit verify`: everything recomputed, from bytes up, and every doubt named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import msgspec

from governed_kernel.audit.entries import (
    check_checkpoints,
    check_ledger,
    check_signatures,
    check_since,
    read_register,
)
from governed_kernel.audit.projected import check_store
from governed_kernel.audit.report import Check, Kind, Report, checked, told
from governed_kernel.audit.seen import Seen
from governed_kernel.audit.sessions import check_sessions
from governed_kernel.audit.use_cases import check_use_cases
from governed_kernel.canonical import digest_file
from governed_kernel.errors import ConfigurationError, IntegrityBroken, ResourceMissing
from governed_kernel.governance import catalog, erasure, pins
from governed_kernel.governance.cards import REMEDY, card_of, card_path, is_outdated, read_card
from governed_kernel.governance.public_keys import parse_public_key
from governed_kernel.governance.register import Register
from governed_kernel.governance.rules import CASES, rule_files
from governed_kernel.lineage.attestations import Bundle, Deployment, Erasure
from governed_kernel.lineage.events import DatasetRegistered, FileDigest, RunEnded
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release import bundle, manifest
from governed_kernel.release.registry import Registry, RunRecord
from governed_kernel.release.run_states import ENDING, STATE
from governed_kernel.workspace import Workspace

__all__ = ["Check", "Report", "verify_bundle", "verify_workspace"]

Progress = Callable[[str], None]
Part = Callable[[Workspace, Registry], Iterator[Check]]


def verify_workspace(
    workspace: Workspace,
    progress: Progress = lambda _: None,
    since: Path | None = None,
    *,
    incremental: bool = False,
    store: bool = False,
    accept_older: bool = False,
) -> Report:
    """Verify ledger, signatures, journals, objects, releases, runs and bundles.

    Parameters
    ----------
    since : Path, optional
        A checkpoint that an auditor kept: nothing before it may have been rewritten.
    incremental : bool
        Whether sealed sessions whose files are as this person's last verification left them may be
        taken as they were then: they are reported as ``unread``, never as ``ok``.
    store : bool
        Whether the rows of the lineage store are held against the journals as well, which takes as
        long as making it anew. Nothing rests on them, but people ask them.
    accept_older : bool
        Whether this person takes the ledger from now on as it is, though they saw more of it: an
        older backup was restored. What they give up by that is told by every verification.
    """
    progress("ledger and signatures")
    ledger = Ledger(workspace)
    try:
        register = read_register(workspace, ledger)
    except IntegrityBroken as error:
        broken = Check("ledger", str(workspace.ledger), "broken", f"{error.what}: {error.why}")
        return Report([broken])
    if accept_older:
        pins.accept_older(workspace.root, ledger.records()[-1].head)
    checks = list(check_ledger(workspace, ledger))
    if since is not None:
        checks.append(checked("since", since.name, lambda: check_since(register, ledger, since)))
    checks += check_signatures(register)
    checks += check_checkpoints(register, ledger)
    try:
        registry = Registry(register)
    except ConfigurationError as error:  # approvals are counted by its rules
        return Report([*checks, Check("policy", "governed.toml", "broken", str(error))])
    seen = Seen(register.workspace_id, skip=incremental)
    parts: dict[str, Part] = {**_PARTS, "journals": partial(_journals, seen=seen)}
    for name, part in parts.items():
        progress(name)
        checks.extend(told(_KINDS[name], name, part(workspace, registry)))
    seen.save()
    if store:
        progress("the lineage store")
        checks.extend(told("store", workspace.store.name, check_store(workspace)))
    return Report(checks)


def verify_bundle(folder: Path, service_key: str = "") -> Report:
    """Verify one bundle from its own folder alone.

    Parameters
    ----------
    service_key : str
        PEM of the key that must have signed; without it the bundle is only known to be whole.
    """
    check = checked("bundle", folder.name, lambda: bundle.verify(folder, service_key))
    if check.outcome == "ok":
        key = parse_public_key(bundle.manifest_of(folder)[0].service_key).keyid
        whose = "as asked for" if service_key else "which the bundle itself names"
        check = msgspec.structs.replace(check, detail=f"signed by the key {key}, {whose}")
    return Report([check])


def _policy(workspace: Workspace, registry: Registry) -> Iterator[Check]:
    """What the rules say must be what was adopted; comments edited since are shown."""
    register = registry.register
    adopted = {file.path: file.sha256 for file in register.rules}
    try:
        there = {file.path: file.sha256 for file in rule_files(workspace)} if adopted else {}
    except ResourceMissing as error:
        yield Check("policy", "governed.toml", "broken", f"{error.what}: {error.why}")
        return
    edited = [
        name
        for name in sorted(adopted.keys() | there.keys())
        if adopted.get(name) != there.get(name)
    ]
    cases = [name for name in edited if PurePosixPath(name).name == CASES]
    rules = [name for name in edited if name not in cases]
    subject = ", ".join(rules) or "governed.toml"
    found = checked("policy", subject, register.check_policy)
    if found.outcome == "ok" and rules:
        said = "it says what was adopted in other words: comments or layout were edited since"
        found = Check("policy", subject, "doubt", said)
    yield found
    for name in cases:
        said = _of_cases(noted=name in adopted, there=name in there)
        yield Check("policy", name, "doubt", f"{said}; 'governed policy adopt' notes what is there")


def _of_cases(*, noted: bool, there: bool) -> str:
    """How the cases differ from those that lay there when the policies were adopted."""
    if not noted:
        return "nobody noted these cases when the policies were adopted"
    return (
        "they are other cases than were adopted"
        if there
        else "the cases that were adopted are gone"
    )


def _journals(
    workspace: Workspace, registry: Registry, seen: Seen | None = None
) -> Iterator[Check]:
    return check_sessions(workspace, registry.register, registry.register.erased, seen=seen)


def _erasures(workspace: Workspace, registry: Registry) -> Iterator[Check]:
    for number, said in erasure.erasures(registry.register):
        yield from told("erasure", f"record {number}", _erasure(workspace, number, said))


def _erasure(workspace: Workspace, number: int, erased: Erasure) -> Iterator[Check]:
    found, subject = erasure.unfinished(workspace, number, erased), f"record {number}"
    where = f"{sum(found.left.values())} texts of {', '.join(sorted(found.left))}"
    if not found.left:
        yield Check("erasure", subject, "ok")
    elif found.again:
        said = f"{where} were erased and are there again; 'governed lineage sessions' erases "
        yield Check("erasure", subject, "broken", f"{said}them once more")
    else:
        said = f"{where} are still there; 'governed lineage sessions' carries it out"
        yield Check("erasure", subject, "doubt", said)


def _datasets(workspace: Workspace, registry: Registry) -> Iterator[Check]:
    for history in registry.register.datasets.values():
        for version in history:
            label = catalog.label(version)
            if label in registry.register.collected:
                record = registry.register.collected[label]
                said = f"withdrawn, and its content removed by record {record}"
                yield Check("dataset", label, "ok", said)
                continue
            check = partial(catalog.verify, workspace, version)
            yield checked("dataset", label, check, version.sha256)


def _releases(workspace: Workspace, registry: Registry) -> Iterator[Check]:
    for release in registry.releases.values():
        check = partial(_check_release, workspace, release.name, release.digest)
        yield checked("release", release.name, check, release.digest)
    there = {path.name for path in workspace.releases.glob("[!.]*") if path.is_dir()}
    for name in sorted(there - registry.releases.keys()):
        yield Check("release", name, "doubt", "nobody promoted it: it counts nowhere")


def _check_release(workspace: Workspace, release: str, digest: str) -> None:
    folder = manifest.release_folder(workspace, release)
    bound = manifest.load(folder, digest)
    manifest.check_nothing_else(folder, bound)


def _cards(workspace: Workspace, registry: Registry) -> Iterator[Check]:
    known = registry.register.datasets
    for name, versions in known.items():
        yield from told("card", f"{name}.toml", _card(workspace, name, versions))
    for path in sorted(workspace.catalog.glob("*.toml")):
        if path.stem not in known:
            yield Check("card", path.name, "broken", "the ledger knows nothing of that name")


def _card(
    workspace: Workspace, name: str, versions: Sequence[DatasetRegistered]
) -> Iterator[Check]:
    subject = card_path(workspace, name).name
    try:
        text = read_card(workspace, name)
    except IntegrityBroken as error:
        yield Check("card", subject, "broken", f"{error.what}: {error.why}; {error.next}")
        return
    if is_outdated(text, name, versions):
        said = "it is gone, or older than the ledger; 'governed store rebuild' writes it anew"
        yield Check("card", subject, "doubt", said)
    elif text != card_of(name, versions).encode():
        said = f"it says something else than the ledger; {REMEDY}"
        yield Check("card", subject, "broken", said)
    else:
        yield Check("card", subject, "ok")


def _objects(workspace: Workspace, registry: Registry) -> Iterator[Check]:
    """The code of splits, and content that nothing names; that of datasets is theirs to verify."""
    register = registry.register
    versions = [version for found in register.datasets.values() for version in found]
    named = {file.sha256 for version in versions for file in version.files}
    codes = register.kept_code
    for path in sorted(workspace.objects.glob("??/*")):
        if path.name in codes:
            yield checked("object", codes.pop(path.name), partial(_check_code, path))
        elif path.name not in named:
            yield Check("object", path.name, "doubt", "no registered version contains it")
    for code in codes.values():
        yield Check("object", code, "broken", "the code of a split is gone")


def _check_code(path: Path) -> None:
    if (found := digest_file(path)) != path.name:
        raise IntegrityBroken(f"{path}: its SHA-256 is {found}")


def _runs(workspace: Workspace, registry: Registry) -> Iterator[Check]:
    for run in registry.runs.values():
        yield from told("run", run.run_id, _run(workspace.runs / run.run_id, run))
    there = {path.name for path in workspace.runs.glob("[!.]*") if path.is_dir()}
    for name in sorted(there - registry.runs.keys()):
        yield Check("run", name, "doubt", "no record in the ledger speaks of it: it counts nowhere")


def _run(folder: Path, run: RunRecord) -> Iterator[Check]:
    if run.ended is None:
        yield Check("run", run.run_id, "unsealed", "it is not over")
        return
    wrong = list(_strange_files(folder, run.ended))
    said = f"{', '.join(wrong)}: not what the run left" if wrong else run.state
    yield Check("run", run.run_id, "broken" if wrong else "ok", said)
    if not wrong and (more := _said_later(folder, run.ended)):
        yield Check("run", run.run_id, "doubt", f"log.txt goes on {more} bytes after its end")


def _strange_files(folder: Path, ended: RunEnded) -> Iterator[str]:
    """What was altered, lost or added in a run's folder since its end."""
    left = [FileDigest(f"output/{item.name}", item.sha256, item.bytes) for item in ended.artifacts]
    known = [*left, *ended.papers]
    for file in known:
        # A run's end is on record before it is in its place, and may come there between two looks.
        places = (STATE, ENDING, STATE) if file.path == STATE else (file.path,)
        if not any(_is_as_left(folder / place, file) for place in places):
            yield file.path
    if ended.state != "succeeded":  # what a failed run left half-made is on no record
        return
    names = {file.path for file in known}
    for below in ("output", "work"):
        for path in sorted((folder / below).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if (path.is_symlink() or path.is_file()) and name not in names:
                yield name


def _is_as_left(path: Path, file: FileDigest) -> bool:
    size = file.bytes if file.path == _LOG else -1
    try:
        return path.is_file() and digest_file(path, size) == file.sha256
    except FileNotFoundError:
        return False


def _said_later(folder: Path, ended: RunEnded) -> int:
    """Bytes in the log that came after the end was put on record: a last warning, or a forgery."""
    known = [file.bytes for file in ended.papers if file.path == _LOG]
    return (folder / _LOG).stat().st_size - known[0] if known else 0


def _bundles(workspace: Workspace, registry: Registry) -> Iterator[Check]:
    known = {run.bundle.name: run.bundle for run in registry.runs.values() if run.bundle}
    there = {path.name for path in workspace.bundles.glob("[!.]*") if path.is_dir()}
    for name in sorted(there - known.keys()):
        yield Check("bundle", name, "broken", "no record in the ledger speaks of it")
    for name, event in sorted(known.items()):
        yield from told("bundle", name, _bundle(workspace, registry.register, event))


def _bundle(workspace: Workspace, register: Register, event: Bundle) -> Iterator[Check]:
    folder = workspace.bundles / event.name
    if not folder.exists() and bundle.complete_folder(workspace, event).is_dir():
        said = "a crash cut its sealing short; 'governed release build' brings it to its end"
        yield Check("bundle", event.name, "doubt", said)
        return
    verify = partial(bundle.verify, folder, register.service_key_of(event.name))
    check = checked("bundle", event.name, verify, event.digest)
    if check.outcome == "ok" and bundle.manifest_of(folder)[1] != event.digest:
        check = Check("bundle", event.name, "broken", "another bundle lies under its name")
    yield check


def _deployments(_: Workspace, registry: Registry) -> Iterator[Check]:
    live = [record.deployment for record in registry.deployments]
    for entry in registry.register.entries:
        said = entry.predicate
        if entry.valid and isinstance(said, Deployment):
            place = f"{said.bundle} in {said.environment}"
            whole = said in live
            why = "" if whole else f"{said.person} signed for a bundle that was never sealed"
            yield Check("deployment", place, "ok" if whole else "broken", why)


_LOG = "log.txt"
_KINDS: dict[str, Kind] = {
    "policy": "policy",
    "journals": "journal",
    "erasures": "erasure",
    "datasets and base models": "dataset",
    "cards": "card",
    "cards of use cases": "card",
    "objects": "object",
    "releases": "release",
    "runs": "run",
    "bundles": "bundle",
    "deployments": "deployment",
}
_PARTS: dict[str, Part] = {
    "policy": _policy,
    "journals": _journals,
    "erasures": _erasures,
    "datasets and base models": _datasets,
    "cards": _cards,
    "cards of use cases": check_use_cases,
    "objects": _objects,
    "releases": _releases,
    "runs": _runs,
    "bundles": _bundles,
    "deployments": _deployments,
}
