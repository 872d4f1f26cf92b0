"""``governed.toml``: what it may say, checked, with the line of a mistake."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args

import msgspec

from governed_kernel import toml
from governed_kernel.canonical import digest_json
from governed_kernel.errors import ConfigurationError
from governed_kernel.files import read_regular

__all__ = [
    "LAKE",
    "ApprovalRule",
    "Approvals",
    "Configuration",
    "DataClass",
    "ReleaseRules",
    "RiskClass",
    "Role",
    "RunSettings",
    "convert",
    "parse",
    "read",
]

LAKE = "ducklake:postgres:"
"""What the name of a lake begins with."""
_PASSWORD = re.compile(r"\b(?:ssl)?password\s*=|://[^/@\s]*:[^/@]*@", re.IGNORECASE)
T = TypeVar("T")
Role: TypeAlias = Literal[
    "administrator",
    "data-scientist",
    "data-steward",
    "reviewer",
    "domain-expert",
    "model-risk",
    "security",
    "legal",
    "operator",
    "auditor",
]
Count = Annotated[int, msgspec.Meta(ge=0)]
Purpose: TypeAlias = Literal["explore", "train", "evaluate", "validate", "deploy"]
LAYERS = ("functional", "calibration", "scenario", "change-surface")
"""Layers of validation."""
Masking = Literal["redact", "hash", "drop"]
_STRICTNESS = {
    "public": 0,
    "licensed": 1,
    "internal": 2,
    "retention-bound": 3,
    "personal": 4,
    "safety-incident": 5,
    "health": 6,
}
_OWN_CLASS = 10


class WorkspaceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[workspace]``: what is said of the workspace as a whole."""

    name: str
    """Shown to people; nothing rests on it."""


class DataClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[classes.NAME]``: what data of this class may be used for."""

    description: str = ""
    """What belongs to the class; shown to people."""
    purposes: tuple[Purpose, ...] = ("explore", "train", "evaluate", "validate")
    """What data of the class may be used for; a dataset's own purposes are among these."""
    strictness: Annotated[int, msgspec.Meta(ge=-1)] = -1
    """Of data made from several classes the strictest counts. -1: as usual for the class (public 0,
    licensed 1, internal 2, retention-bound 3, personal 4, safety-incident 5, health 6), and 10 for
    classes of one's own."""
    retention_days: Count = 0
    """A version must be gone so many days after it was registered, or earlier; 0 sets no limit."""
    readers: tuple[Role, ...] = ()
    """Roles that may read data of the class in research; empty: whoever policies permit."""
    masked: dict[str, Masking] = {}
    """Columns (``*`` and ``?`` stand for any letters; case and outer spaces are nothing) that are
    masked for whoever has none of the roles in ``unmasked``, and how: ``redact`` leaves a mark in
    the place of each value, ``hash`` a keyed digest, by which equal values stay equal, ``drop``
    leaves the column out. A column is masked as a whole for a field in it (``name``, or
    ``who.name``), and where its fields are known from the data alone (JSON of several kinds)."""
    unmasked: tuple[Role, ...] = ()
    """Roles that see masked columns as they are."""

    def is_masked_for(self, roles: Collection[str]) -> bool:
        """Whether somebody with these roles sees the class's masked columns masked."""
        return bool(self.masked) and not set(roles) & set(self.unmasked)


_YOUNGER = ("strictness", "retention_days", "readers", "masked", "unmasked")
_UNSAID = msgspec.to_builtins(DataClass())


class ApprovalRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[approvals.run]`` and ``[approvals.deployment]``: who must sign, and how many."""

    required: Annotated[int, msgspec.Meta(ge=1)] = 2
    """How many people must sign; the author never counts, and a person counts once."""
    roles: tuple[Role, ...] = ("reviewer",)
    """A signer needs one of these roles at the moment of signing."""
    each: tuple[Role, ...] = ()
    """Roles that must each be among the signers, every one by a person of its own."""


class Approvals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[approvals]``: the signatures that a release takes."""

    run: ApprovalRule = ApprovalRule()
    deployment: ApprovalRule = ApprovalRule(required=1)


class MoreApprovals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[risk_classes.NAME.run]`` and ``[risk_classes.NAME.deployment]``: signatures beyond
    those of ``[approvals]``, and never fewer.
    """

    required: Count = 0
    """How many people must sign, where that is more than ``[approvals]`` asks for."""
    each: tuple[Role, ...] = ()
    """Further roles that must each be among the signers, every one by a person of its own."""


class RiskClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[risk_classes.NAME]``: what a release of a use case of this risk needs.

    Where there are such classes, a release is promoted, run and deployed under one of them only.
    """

    description: str = ""
    """Which use cases belong to the class; shown to people."""
    run: MoreApprovals = MoreApprovals()
    deployment: MoreApprovals = MoreApprovals()
    suites: tuple[str, ...] = ()
    """Suites that a release must be bound to, such as ``suites/biopsy``."""
    layers: tuple[str, ...] = ()
    """Layers of validation of which at least one blocking case must have passed."""
    rerun: bool = False
    """Whether an audit's re-run must have said IDENTICAL or EQUIVALENT before deployment."""
    separate_people: bool = False
    """Whether training, validation and approval for deployment take different people."""


class ReleaseRules(msgspec.Struct, frozen=True):
    """What a release needs, by the risk of its use case."""

    approvals: Approvals = Approvals()
    risk_classes: dict[str, RiskClass] = {}

    def rule(self, purpose: str, risk_class: str) -> ApprovalRule:
        """Who must sign for a release of that risk: as everywhere, and what its class adds."""
        general = self.approvals.run if purpose == "run" else self.approvals.deployment
        known = self.risk_classes.get(risk_class)
        if known is None:
            return general
        more = known.run if purpose == "run" else known.deployment
        each = tuple(dict.fromkeys([*general.each, *more.each]))
        return ApprovalRule(
            required=max(general.required, more.required, len(each)),
            roles=tuple(dict.fromkeys([*general.roles, *each])),
            each=each,
        )


class RunSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[run]``: how approved releases are executed."""

    threads: Annotated[int, msgspec.Meta(ge=1)] = 2
    """Threads of a run; fixed, since another number may give other bits."""
    timeout_minutes: Annotated[float, msgspec.Meta(gt=0)] = 120.0
    """A run that takes longer has failed, and so has the code that divides a dataset."""
    free_disk_megabytes: Count = 500
    """A run is refused below this much free disk."""
    identified: bool = False
    """Whether who runs, validates or re-runs a release proves it with their passphrase; else the
    name is what was claimed, which suits schedulers and scripts."""
    without_witness: bool = False
    """Allow a release run where the operating system can't witness or confine it."""


class DeploymentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[deployment]``: where bundles can go live."""

    environments: tuple[str, ...] = ("preprod", "production")
    """The names that ``governed deploy --env`` takes."""


class LineageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[lineage]``: how long what people wrote in notebooks is kept, and who may read it."""

    retention_days: Count = 0
    """After so many days 'governed store erase --expired' removes the texts of a session: sources
    of cells, statements, arguments, messages of errors. 0 keeps them for ever."""
    readers: tuple[Role, ...] = ()
    """Roles that may read these texts, with 'governed lineage texts', which is put on record; the
    lineage store then holds none. Empty: whoever reads the workspace. Files are guarded by their
    permissions alone."""


class LakeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[lake]``: the lake that ``store`` names."""

    data: str = ""
    """Folder, absolute, or ``s3://BUCKET/PREFIX`` for its Parquet files; the same for all who write
    into it. What was said when the lake was made counts."""
    schema: Annotated[str, msgspec.Meta(pattern="^[a-z_][a-z0-9_]{0,62}$")] = "governed"
    """Schema of the PostgreSQL database that holds its catalog."""


class LeakSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[leaks]``: what it means when parts of a division, or two versions, share something."""

    action: Literal["block", "warn"] = "block"
    """``block`` refuses the division and ends the command with an error; ``warn`` goes on. Both are
    on record. Rows, entities and rows of an earlier holdout in two parts are refused always."""
    similarity: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.8
    """From which Jaccard index, over five neighbouring letters, two texts are nearly alike."""


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``governed.toml``."""

    workspace: WorkspaceSettings
    classes: dict[str, DataClass] = {}
    approvals: Approvals = Approvals()
    run: RunSettings = RunSettings()
    deployment: DeploymentSettings = DeploymentSettings()
    lineage: LineageSettings = LineageSettings()
    store: str = ""
    """Where the lineage store is: empty for a file of the workspace, or
    ``ducklake:postgres:CONNECTION`` for a lake that workspaces share, with a connection string as
    libpq takes it: never a password, which is looked for where libpq looks for it."""
    lake: LakeSettings = LakeSettings()
    risk_classes: dict[str, RiskClass] = {}
    leaks: LeakSettings = LeakSettings()

    def strictness_of(self, data_class: str) -> int:
        """How strict a class is; one that is not in the settings is stricter than all."""
        known = self.classes.get(data_class)
        if known is None:
            return sys.maxsize
        usual = _STRICTNESS.get(data_class, _OWN_CLASS)
        return usual if known.strictness < 0 else known.strictness

    def strictest(self, classes: Iterable[str]) -> str:
        """The strictest of some classes; the later in the alphabet of two that are as strict."""
        return max(classes, key=lambda name: (self.strictness_of(name), name), default="")

    def adoptable(self) -> dict[str, Any]:
        """Everything a gate rests on; an administrator adopts it by signature."""
        settings: dict[str, Any] = msgspec.to_builtins(self)
        # What is younger than workspaces that adopted a policy is left out where it says nothing.
        if self.lineage == LineageSettings():
            del settings["lineage"]
        del settings["store"], settings["lake"]  # no gate ever asks the store
        if not self.risk_classes:
            del settings["risk_classes"]
        for rule in settings["approvals"].values():
            if not rule["each"]:
                del rule["each"]
        if not self.run.identified:
            del settings["run"]["identified"]
        if self.leaks == LeakSettings():
            del settings["leaks"]
        for said in settings["classes"].values():
            for name in _YOUNGER:
                if said[name] == _UNSAID[name]:
                    del said[name]
        return settings

    def policy_digest(self) -> str:
        """Digest of `adoptable`."""
        return digest_json(self.adoptable())

    @property
    def release_rules(self) -> ReleaseRules:
        """What a release needs."""
        return ReleaseRules(self.approvals, self.risk_classes)


def parse(text: str, path: Path) -> Configuration:
    """Check the text of a ``governed.toml``.

    Raises
    ------
    ConfigurationError
        It is not TOML, or says something that has no meaning; file and line are named.
    """
    settings = convert(text, path, Configuration, "not a valid configuration", _ADVICE)
    wrong = _wrong_with_store(settings) or _contradiction(settings)
    if wrong:
        key, why, remedy = wrong
        line = _line_of(text, f"at `$.{key}`")
        raise ConfigurationError(f"{path}, line {line}: not a valid {key}", why=why, next=remedy)
    return settings


def convert(text: str, path: Path, kind: type[T], what: str, next: str) -> T:
    """A TOML text as `kind`, or an error (`ConfigurationError`) that names file and line.

    Parameters
    ----------
    what, next : str
        What to say of a mistake, and what to do about it.
    """
    try:
        return msgspec.convert(toml.parse(text), kind)
    except toml.NotToml as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) if found else 1
        raise _mistake(path, line, what, str(error), next) from error
    except msgspec.ValidationError as error:
        said = str(error)
        raise _mistake(path, _line_of(text, said), what, said + _choices(said), next) from error


def _choices(reason: str) -> str:
    """What a setting may say that says something else."""
    field = re.search(r"Invalid enum value .*\.(\w+)(?:\[[^\]]*\])?`$", reason)
    known = _CHOICES.get(field[1]) if field else None
    return f": there are {', '.join(known)}" if known else ""


def _wrong_with_store(settings: Configuration) -> tuple[str, str, str] | None:
    """Which setting of the store can't be, why, and what to do; a password is never repeated."""
    store, data = settings.store, settings.lake.data
    if not store:
        return None
    if not store.startswith(LAKE):
        scheme = ":".join(store.split(":")[:2])[:40]
        known = f"leave it out for a file of the workspace, or write '{LAKE}service=NAME'"
        return "store", f"a store {scheme!r} is not known", known
    if _PASSWORD.search(store):
        return (
            "store",
            "it holds a password, and this file is read by many and lies in git",
            "take it out, change it, and let libpq find the new one: in ~/.pgpass, PGPASSWORD or "
            "a service file",
        )
    if not (data.startswith(("/", "s3://")) and len(data.strip("/")) > 1):
        return (
            "lake.data",
            "a lake needs a folder for its files that all who write into it reach",
            'add data = "/absolute/folder" or "s3://bucket/prefix" below [lake]',
        )
    return None


def _contradiction(settings: Configuration) -> tuple[str, str, str] | None:
    """Which setting asks for what can't be, given the others, why, and what to do."""
    for name, known in settings.classes.items():
        shut_out = sorted(set(known.unmasked) - set(known.readers)) if known.readers else []
        if shut_out:
            return (
                f"classes.{name}.unmasked",
                f"{', '.join(shut_out)} would see masked columns as they are, and may not read "
                f"the class at all: its readers are {', '.join(known.readers)}",
                "add them to readers, or take them out of unmasked",
            )
    for name, risk in settings.risk_classes.items():
        unknown = sorted(set(risk.layers) - set(LAYERS))
        if unknown:
            return (
                f"risk_classes.{name}.layers",
                f"no layer of validation is called {', '.join(unknown)}, so that no release of "
                "this class could ever pass",
                f"choose among {', '.join(LAYERS)}",
            )
    for purpose in ("run", "deployment"):
        rule: ApprovalRule = getattr(settings.approvals, purpose)
        if not rule.roles and not rule.each:
            return (
                f"approvals.{purpose}.roles",
                f"it takes {rule.required} signatures, and no role may give one",
                "name the roles that may sign",
            )
    return None


def read(path: Path) -> Configuration:
    """Read and check ``governed.toml`` at `path`."""
    try:
        return parse(read_regular(path).decode(), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} could not be read",
            why=str(error),
            next="restore the file, or make a new workspace with 'governed init DIR'",
        ) from error


_CHOICES: dict[str, tuple[str, ...]] = {
    "purposes": get_args(Purpose),
    **dict.fromkeys(("roles", "each", "readers", "unmasked"), get_args(Role)),
    "masked": get_args(Masking),
}
_ADVICE = "mend that line; 'governed init' writes a commented example of every setting"


def _mistake(path: Path, line: int, what: str, reason: str, next: str) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {line}: {what}", why=reason, next=next)


def _line_of(text: str, reason: str) -> int:
    """The line a validation error speaks of, from its ``$.a.b`` path; 1 when not found."""
    where = re.search(r"at `\$\.?([^`]*)`", reason)
    # "classes[...]" stands for any table below classes
    path = where.group(1).replace("[...]", ".*") if where else ""
    keys = [key for key in re.sub(r"\[\d+\]", "", path).split(".") if key]
    unknown = re.search(r"unknown field `([^`]*)`", reason)
    if unknown:
        keys.append(unknown.group(1))
    table: list[str] = []
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            table = [part.strip().strip('"') for part in header.group(1).split(".")]
            here = table
        else:
            key = re.match(r'\s*"?([\w-]+)"?\s*=', line)
            here = [*table, key.group(1)] if key else []
        shared = min(len(here), len(keys))
        if shared > depth and all(
            want in ("*", got) for want, got in zip(keys, here, strict=False)
        ):
            best, depth = number, shared
    return best
