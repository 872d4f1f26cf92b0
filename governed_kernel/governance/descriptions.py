"""What people say of a dataset or base model that they register: in its one form, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from governed_kernel.configuration import DataClass
from governed_kernel.errors import Refused, UnknownName, UsageError
from governed_kernel.governance.names import check_name, purpose
from governed_kernel.governance.register import Register

__all__ = ["MODEL_FACTS", "Description", "Kind", "State", "as_day", "check_person", "checked"]

Kind = Literal["data", "model"]
State = Literal["registered", "approved", "locked", "withdrawn"]
MODEL_FACTS = {
    "origin": "where it comes from (--origin)",
    "licence": "its licence (--licence)",
    "training_data": "what is known of its training data (--training-data)",
    "intended_use": "what it is meant for (--intended-use)",
    "adaptation": "why it is adapted, and nothing smaller solves the problem (--adaptation)",
}
"""What people must say of a base model before a release is made from it: field and its words."""
STEWARDS = ("data-steward", "data-scientist", "administrator")
_BOUND = "retention-bound"


@dataclass(frozen=True)
class Description:
    """What people say about a dataset or base model when they register it.

    Each is a field of the same name of the version that it becomes.
    """

    data_class: str
    owner: str
    purposes: Sequence[str]
    legal_basis: str
    kind: Kind = "data"
    retention_until: str = ""
    licence: str = ""
    origin: str = ""
    intended_use: str = ""
    state: State = "approved"
    derived_from: str = ""
    source: str = ""
    """Where it came from; the URI of the registered path when empty."""
    query: dict[str, Any] = field(default_factory=dict)
    """Of the result of a query: its statement and parameters."""
    never_learn: Sequence[str] = ()
    """Columns that no model may be made from."""
    training_data: str = ""
    """Of a base model: what is known of the data that it was trained on."""
    adaptation: str = ""
    """Of a base model: why it is adapted, and why no smaller change solves the problem."""


def checked(register: Register, name: str, description: Description, person: str) -> Description:
    """A description with each thing in its one form.

    Raises
    ------
    UsageError
        A name, class, purpose or date has no meaning, or something is not said.
    Refused
        `person` may not register data.
    """
    settings = register.workspace.settings
    check_name(name, "dataset")
    check_person(register, person)
    known = settings.classes.get(description.data_class)
    if known is None:
        raise UsageError(
            f"no data class is called {description.data_class!r}",
            why=f"governed.toml has {', '.join(settings.classes) or 'none'}",
            next="choose one of them, or add a class and have the policy adopted",
        )
    purposes = list(dict.fromkeys(purpose(name) for name in description.purposes))
    beyond = [name for name in purposes if name not in known.purposes]
    if beyond or not purposes:
        raise UsageError(
            f"{name} can't be registered for {', '.join(beyond) or 'no purpose'}",
            why=f"data of class {description.data_class} may be used for "
            f"{', '.join(known.purposes)}",
            next="name purposes among these with --purpose",
        )
    for what, text in (("owner", description.owner), ("legal basis", description.legal_basis)):
        if not text.strip() or not text.strip().isprintable():
            raise UsageError(
                f"the {what} of {name} is missing or not printable",
                why="somebody must answer for the data, and say why it may be used",
                next=f"give it with --{what.replace(' ', '-')}",
            )
    if description.kind != "model" and (description.training_data or description.adaptation):
        raise UsageError(
            f"{name} is data, and was not trained",
            why="--training-data and --adaptation are said of base models",
            next="leave them out, or register it with --kind model",
        )
    return replace(
        description,
        owner=description.owner.strip(),
        legal_basis=description.legal_basis.strip(),
        training_data=description.training_data.strip(),
        adaptation=description.adaptation.strip(),
        purposes=purposes,
        retention_until=_retention(known, name, description),
    )


def _retention(known: DataClass, name: str, description: Description) -> str:
    """Until when it may be kept: as was said, and no longer than its class allows."""
    asked = as_day(description.retention_until) if description.retention_until else ""
    if not known.retention_days:
        if description.data_class == _BOUND and not asked:
            raise UsageError(
                f"it is not said when {name} must be gone",
                why=f"that is what the class {_BOUND} is for, and it sets no number of days",
                next="give a day with --retention",
            )
        return asked
    latest = (datetime.now(UTC).date() + timedelta(days=known.retention_days)).isoformat()
    if asked > latest:
        raise UsageError(
            f"{name} can't be kept until {asked}",
            why=f"data of class {description.data_class} is kept for {known.retention_days} days",
            next=f"name a day until {latest} with --retention, or none",
        )
    return asked or latest


def check_person(register: Register, person: str) -> None:
    """Refuse who may not register data. (It is not signed: the name is what was claimed.)"""
    try:
        known = register.person(person)
    except UnknownName as error:
        raise Refused(error.what, why=error.why, next=error.next) from error
    if not set(known.roles) & set(STEWARDS):
        raise Refused(
            f"{person} may not register data",
            why=f"it takes the role {' or '.join(STEWARDS)}; {person} has "
            f"{', '.join(known.roles) or 'none'}",
            next=f"ask an administrator: 'governed people grant {person} --role data-steward'",
        )


def as_day(text: str) -> str:
    """A day as it is registered, whichever of ISO 8601's forms it came in.

    Raises
    ------
    UsageError
        It is none.
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no date",
            why=str(error),
            next="write it as 2030-12-31",
        ) from error
