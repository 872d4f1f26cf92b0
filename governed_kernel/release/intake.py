"""The card of a release: its use case, and what only people can say of the model.

It is a file, ``cards/NAME.toml``, that people fill in before promotion. Promotion binds it into the
release digest in one canonical form, so that whoever approves a release approves these words.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from governed_kernel import configuration
from governed_kernel.configuration import RiskClass
from governed_kernel.errors import ConfigurationError, GovernedError, UnknownName, UsageError
from governed_kernel.files import read_regular, write_atomically
from governed_kernel.governance.templates import template_folder
from governed_kernel.release.findings import Finding
from governed_kernel.workspace import Workspace

__all__ = [
    "CARD",
    "FIELDS",
    "Card",
    "Missing",
    "ModelCard",
    "UseCase",
    "card_path",
    "encode",
    "examine",
    "facts",
    "missing",
    "parse",
    "read",
    "start",
    "unbound",
]

CARD = "card.toml"
"""Its name in a release and in a bundle."""
_ADVICE = "mend that line; templates/cards/card.toml has a commented example of every field"
_MARK = r"[\W_]*(to ?do|fix ?me|tb[acd]|x{2,})"
_NOTHING = re.compile(rf"[\W_]*|{_MARK}[\W_]*|{_MARK}\s*(\([^)]*\))?\s*(:|[-–—]\s).*", re.I | re.S)
"""What says nothing: blanks, dots, question marks, lines to write on, and marks to be filled in
later, with whatever is noted behind one ("TODO: ask Ann", "tbd - Ann")."""
Text = Annotated[str, msgspec.Meta(max_length=4000)]


class UseCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[use_case]``: what the model is asked to influence, and what hangs on it."""

    decision: Text = ""
    """Which decision the model influences, and who takes it."""
    risk_if_wrong: Text = ""
    """What happens, and to whom, when it is wrong."""
    regime: Text = ""
    """The rules that apply, such as an annex of the EU AI Act."""
    risk_class: Text = ""
    """One of the risk classes in ``governed.toml``."""


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[model_card]``: what no record can tell of a model."""

    intended_use: Text = ""
    """What the model is for, and who uses it."""
    out_of_scope_use: Text = ""
    """What it must not be used for."""
    limitations: Text = ""
    """Where it is known to fail, and whom that would hurt."""
    contact: Text = ""
    """Who answers for it once it is live."""
    licence: Text = ""
    """Under which licence it may be used."""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``cards/NAME.toml``."""

    use_case: UseCase = UseCase()
    model_card: ModelCard = ModelCard()


FIELDS = {
    "use_case.decision": "which decision the model influences, and who takes it",
    "use_case.risk_if_wrong": "what happens, and to whom, when it is wrong",
    "use_case.regime": "the rules that apply to the use case",
    "use_case.risk_class": "its risk class, one of those in governed.toml",
    "model_card.intended_use": "what the model is for, and who uses it",
    "model_card.out_of_scope_use": "what it must not be used for",
    "model_card.limitations": "where it is known to fail, and whom that would hurt",
    "model_card.contact": "who answers for it once it is live",
    "model_card.licence": "under which licence it may be used",
}
"""``TABLE.FIELD`` of every field that a person must fill in → what it asks."""


class Missing(msgspec.Struct, frozen=True):
    """A field that nobody filled in."""

    field: str
    asks: str
    line: int
    """Where it stands in the file; 0 when it does not."""


def card_path(workspace: Workspace, name: str) -> Path:
    """Where people write the card of the releases of that name."""
    return workspace.root / "cards" / f"{name}.toml"


def start(workspace: Workspace, name: str) -> Path:
    """The card of `name`, written from the template if nobody wrote it yet."""
    path = card_path(workspace, name)
    if not path.exists():
        with contextlib.suppress(FileExistsError):  # whatever is there, who reads it says
            template = (template_folder("cards") / CARD).read_bytes()
            write_atomically(path, template, replace=False)
    return path


def parse(text: str, path: Path) -> Card:
    """A card's text, checked.

    Raises
    ------
    ConfigurationError
        It is no such card; file and line are named.
    """
    return configuration.convert(text, path, Card, "not a valid use-case card", _ADVICE)


def examine(
    workspace: Workspace,
    name: str,
    path: Path | None = None,
    fields: Sequence[tuple[str, str]] = (),
    suites: Sequence[str] = (),
) -> tuple[Card, list[Finding]]:
    """The card of the releases of `name`, and what stands in the way of binding it.

    Parameters
    ----------
    path : Path, optional
        Another file than ``cards/NAME.toml``.
    fields : sequence of (TABLE.FIELD, text)
        What is said instead of what the file says.
    suites : sequence of str
        Paths of the suites that the release would be bound to.
    """
    file = path or card_path(workspace, name)
    try:
        text = read(file, required=path is not None)
        card = _with(parse(text, file), fields)
    except GovernedError as error:
        return Card(), [_blocking("card-unusable", error.what, error.why, error.next)]
    named = f"--field {{field}} TEXT, or {file.name} (from 'governed release card {name}')"
    found = [
        _blocking(
            "card-field-missing",
            f"nobody said {item.field}"
            + (f" ({file.name}, line {item.line})" if item.line else ""),
            f"only a person can say {item.asks}",
            f"say it with {named.format(field=item.field)}",
        )
        for item in missing(card, text)
    ]
    return card, [*found, *_class_findings(workspace, card, suites)]


def missing(card: Card, text: str = "") -> list[Missing]:
    """The fields that nobody filled in; `text` is that of the file, for the lines."""
    return [
        Missing(field, asks, _line_of(text, field))
        for field, asks in FIELDS.items()
        if _NOTHING.fullmatch(_said(card, field))
    ]


def unknown_class(workspace: Workspace, card: Card) -> str:
    """The card's risk class, where ``governed.toml`` has classes and not that one; else empty."""
    classes, risk = workspace.settings.risk_classes, card.use_case.risk_class
    return risk if classes and risk.strip() and risk not in classes else ""


def encode(card: Card) -> bytes:
    """A card in its one canonical form, as a release binds it."""
    lines = []
    for table, values in (("use_case", card.use_case), ("model_card", card.model_card)):
        lines.append(f"[{table}]")
        lines += [
            f"{name} = {_text(said)}" for name, said in msgspec.structs.asdict(values).items()
        ]
    return ("\n".join(lines) + "\n").encode()


def read(path: Path, *, required: bool) -> str:
    """The text of a card; empty where there is none and none is `required`.

    Raises
    ------
    UnknownName
        It is required, and not there.
    ConfigurationError
        It can't be read, is no text, or something that is no file lies in its place.
    """
    try:
        return read_regular(path).decode()
    except FileNotFoundError:
        if not required:
            return ""
        raise UnknownName(
            f"there is no card {path}",
            why="it is not a file",
            next="name the card with --card, or write one with 'governed release card NAME'",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} could not be read", why=str(error), next="restore it, or mend its permissions"
        ) from error


def _with(card: Card, fields: Sequence[tuple[str, str]]) -> Card:
    said: dict[str, dict[str, str]] = msgspec.to_builtins(card)
    for field, text in fields:
        table, _, name = field.partition(".")
        if field not in FIELDS:
            raise UsageError(
                f"a card has no field {field!r}",
                why=f"its fields are {', '.join(FIELDS)}",
                next="name one of them with --field",
            )
        if not text.replace("\n", " ").isprintable() or len(text) > 4000:
            raise UsageError(
                f"that can't be said of {field}",
                why="a field is at most 4000 visible characters and line ends",
                next="say it in other words",
            )
        said[table][name] = text
    return msgspec.convert(said, Card)


def _class_findings(workspace: Workspace, card: Card, suites: Sequence[str]) -> Iterator[Finding]:
    """What ``governed.toml`` asks of the card's risk class before anybody signs."""
    classes = workspace.settings.risk_classes
    risk = card.use_case.risk_class
    if not classes or not risk.strip():
        return
    if unknown_class(workspace, card):
        yield _blocking(
            "unknown-risk-class",
            f"governed.toml has no risk class {risk!r}",
            f"it has {', '.join(classes)}, and a release needs what its class asks for",
            "name one of them in the card (use_case.risk_class)",
        )
        return
    for name in unbound(classes[risk], suites):
        yield _blocking(
            "suite-missing",
            f"a release of {risk} risk is validated by {name}",
            f"it would be bound to {', '.join(suites) or 'no suite'}",
            f"run validation.run({name!r}, …) in the notebook, so that it belongs to the release",
        )


def unbound(risk: RiskClass, suites: Sequence[str]) -> list[str]:
    """The suites that a risk class asks for and that are not among `suites`."""
    return [name for name in risk.suites if name.strip("/") not in suites]


def _said(card: Card, field: str) -> str:
    table, _, name = field.partition(".")
    return str(getattr(getattr(card, table), name))


def facts(card: Card) -> Mapping[str, str]:
    """``TABLE.FIELD`` → what was said, in the order of `FIELDS`."""
    return {field: _said(card, field) for field in FIELDS}


def _line_of(text: str, field: str) -> int:
    wanted, _, name = field.partition(".")
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([\w.]+)\s*\]", line):
            table = header.group(1)
        elif table == wanted and re.match(rf"\s*{name}\s*=", line):
            return number
    return 0


def _text(text: str) -> str:
    """A JSON string is a TOML string but for the one control character DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _blocking(code: str, what: str, why: str, next: str) -> Finding:
    return Finding(code=code, severity="blocking", what=what, why=why, next=next)
