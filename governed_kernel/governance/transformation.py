"""Make a version of a dataset from another by rules, on record: ``governed data transform``."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec

from governed_kernel.errors import CheckFailed, PolicyDenied, Refused, UsageError
from governed_kernel.governance import authorization, catalog, inheritance, permission, transforming
from governed_kernel.governance.catalog import Registered, label
from governed_kernel.governance.descriptions import check_person
from governed_kernel.governance.names import check_name
from governed_kernel.governance.objects import ObjectStore
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import record_refusal
from governed_kernel.governance.transformation_rules import Rules, read_rules
from governed_kernel.governance.transforming import Transformed
from governed_kernel.lineage.events import DatasetRegistered, DataTransformed, FileDigest
from governed_kernel.workspace import Workspace

__all__ = ["Transformation", "chain_of", "transform"]


@dataclass(frozen=True)
class Transformation:
    """A transformation that was carried out: what it made, and what is on record about it."""

    parent: DatasetRegistered
    made: Registered
    record: DataTransformed


def transform(
    workspace: Workspace, rules_file: Path, name: str, person: str, *, into: str = ""
) -> Transformation:
    """Make a registered version from another, as a file of rules says.

    Parameters
    ----------
    rules_file : Path
        In the workspace; see `transformation_rules`.
    name : str
        ``NAME@VERSION``, or the newest of ``NAME``.
    into : str
        Name of what is made; what the rules say when empty.

    Raises
    ------
    CheckFailed
        A criterion is not met, or what matches a rule survived. Nothing is registered.
    Refused
        `person` may not read it or register data, or its holdout would be in the result.
    UsageError
        The rules have no meaning for this data.
    """
    try:
        register = Register.read(workspace)
        register.check_policy()
        check_person(register, person)
        authorization.check_workspace(register, person, "register")
        parent = register.version(name)
        _check_readable(register, parent, person)
        path = workspace.inside(rules_file)
        rules, data = read_rules(path)
        wanted = check_name(
            into or rules.transform.into or f"{parent.dataset}-{path.stem}", "dataset"
        )
        data_class = rules.transform.data_class or parent.data_class
        _check_class(register, wanted, data_class, parent, person)
        store = ObjectStore(workspace)
        with tempfile.TemporaryDirectory(prefix="governed-transform-") as folder:
            target = Path(folder, f"{wanted}{_ending(parent)}")
            source = catalog.verify(workspace, parent)
            made = transforming.carry_out(rules, source, target)
            file = store.add_file(target)
        rules_kept = store.add_bytes(data, path.name)
        event = _version(register, parent, wanted, data_class, file, made, rules, person)
        record = _record(workspace, parent, path, rules_kept.sha256, made, person)
        return _enter(workspace, parent, event, record, person)
    except (Refused, CheckFailed) as error:
        record_refusal(workspace, person, "data transform", name, error)
        raise


def _check_readable(register: Register, parent: DatasetRegistered, person: str) -> None:
    decision = permission.decide_purpose(
        register, parent, "explore", person=person, transforms=True
    )
    if not decision.allowed:
        raise PolicyDenied(
            f"{person} may not transform {label(parent)}, for which it is read to explore",
            why=decision.reason,
            next=f"'governed policy explain read {label(parent)} --as {person}' says what would "
            "change that; data is transformed before it is divided",
        )
    permission.check_sees_all(register, parent, person, "transform")
    if parent.kind != "data":
        raise UsageError(
            f"{label(parent)} is a base model",
            why="rules transform tables",
            next="adapt models in a notebook",
        )


def _check_class(
    register: Register, name: str, data_class: str, parent: DatasetRegistered, person: str
) -> None:
    classes = register.workspace.settings.classes
    if data_class not in classes:
        raise UsageError(
            f"no data class is called {data_class!r}",
            why=f"governed.toml has {', '.join(classes) or 'none'}",
            next="mend 'class' in the rules",
        )
    inheritance.check_class(register, name, data_class, [label(parent)], person)


def _ending(parent: DatasetRegistered) -> str:
    """Data that people read as text stays text; everything else becomes Parquet."""
    return ".csv" if Path(parent.files[0].path).suffix.lower() == ".csv" else ".parquet"


def _version(
    register: Register,
    parent: DatasetRegistered,
    name: str,
    data_class: str,
    file: FileDigest,
    made: Transformed,
    rules: Rules,
    person: str,
) -> DatasetRegistered:
    admitted = register.workspace.settings.classes[data_class].purposes
    purposes = [purpose for purpose in parent.purposes if purpose in admitted]
    if not purposes:
        raise Refused(
            f"{name} could be used for nothing",
            why=f"{label(parent)} may be used for {', '.join(parent.purposes)}, class "
            f"{data_class} for {', '.join(admitted)}",
            next="register the source for more, or name another class in the rules",
        )
    return DatasetRegistered(
        dataset=name,
        version="",
        kind="data",
        sha256=file.sha256,
        bytes=file.bytes,
        files=[file],
        data_class=data_class,
        owner=parent.owner,
        purposes=list[str](purposes),
        legal_basis=parent.legal_basis,
        source=f"governed:{label(parent)}",
        person=person,
        retention_until=parent.retention_until,
        licence=parent.licence,
        origin=parent.origin,
        intended_use=rules.transform.description or parent.intended_use,
        derived_from=label(parent),
        rows=made.rows,
        never_learn=[column for column in parent.never_learn if column in made.kept],
        inherited=[column for column in parent.inherited if column in made.kept],
    )


def _record(
    workspace: Workspace,
    parent: DatasetRegistered,
    rules: Path,
    rules_sha256: str,
    made: Transformed,
    person: str,
) -> DataTransformed:
    return DataTransformed(
        dataset="",
        version="",
        made_from=label(parent),
        rules=workspace.relative(rules),
        rules_sha256=rules_sha256,
        code_sha256=transforming.code_digest(),
        engine=f"duckdb {duckdb.__version__}",
        operations=made.operations,
        kept=made.kept,
        dropped=made.dropped,
        before=made.before,
        after=made.after,
        criteria=made.criteria,
        columns=made.edges,
        person=person,
    )


def _enter(
    workspace: Workspace,
    parent: DatasetRegistered,
    event: DatasetRegistered,
    record: DataTransformed,
    person: str,
) -> Transformation:
    """Register version and record in one write of the ledger; the same again is said once.

    The source may have been withdrawn or divided while it was computed: that is asked once more.
    """
    said = [record]

    def conclude(
        versions: list[DatasetRegistered], current: Register
    ) -> tuple[msgspec.Struct, ...]:
        _check_readable(current, current.version(label(parent)), person)
        version = versions[0]
        said[0] = msgspec.structs.replace(record, dataset=version.dataset, version=version.version)
        known = current.transformations.get(label(version))
        if known is not None and _same(known, said[0]):
            said[0] = known
            return ()
        return (said[0],)

    (made,) = catalog.enter(workspace, [event], conclude, action="data transform")
    return Transformation(parent, made, said[0])


def _same(known: DataTransformed, other: DataTransformed) -> bool:
    names = ("made_from", "rules_sha256", "code_sha256")
    return all(getattr(known, name) == getattr(other, name) for name in names)


def chain_of(register: Register, version: DatasetRegistered) -> list[DataTransformed]:
    """The transformations that a version came by, from the first."""
    found: list[DataTransformed] = []
    seen: set[str] = set()
    name = label(version)
    while name and name not in seen:
        seen.add(name)
        step = register.transformations.get(name)
        if step is not None:
            found.append(step)
        name = register.version(name).derived_from
    return found[::-1]
