"""What every command group shares: the workspace, the person, passphrases, output."""

from __future__ import annotations

import contextlib
import functools
import getpass
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from governed_kernel.errors import GovernedError, RunFailed, UsageError
from governed_kernel.lineage.chaining import shown
from governed_kernel.visible import visible
from governed_kernel.workspace import Workspace

__all__ = [
    "actor_option",
    "by_adopted_rules",
    "console",
    "json_option",
    "passphrase_option",
    "passphrase_source",
    "person_option",
    "print_facts",
    "print_json",
    "proof_of",
    "proof_option",
    "workspace_option",
]

P = ParamSpec("P")
R = TypeVar("R")
Passphrase = Callable[[str], bytes]
_LONGEST_PASSPHRASE = 4_096


def console(*, stderr: bool = False) -> Console:
    """A console on the current standard streams; wide enough for pipes to keep lines whole."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 160, highlight=False)


def workspace_option(function: Callable[..., R]) -> Callable[..., R]:
    """Give the command the workspace: ``governed --workspace DIR``, else found from here.

    Whoever waits at a terminal while much of what was registered is verified sees how far it is.
    """

    @click.pass_context
    @functools.wraps(function)
    def wrapper(context: click.Context, /, *args: Any, **kwargs: Any) -> R:
        from governed_kernel.cli.reading import verifying
        from governed_kernel.governance.contents import watched

        named = (context.find_root().obj or {}).get("workspace")
        found = Workspace.open(Path(named)) if named else Workspace.find()
        try:
            with watched(verifying):
                return context.invoke(function, found, *args, **kwargs)
        except GovernedError as error:
            if "person" in kwargs and not isinstance(error, RunFailed):
                _put_on_record(found, context, kwargs["person"], error)
            raise

    return wrapper


def by_adopted_rules(workspace: Workspace, person: str, action: str, resource: str) -> Workspace:
    """The workspace as if the adopted rules lay there (`as_adopted`); says so where others do."""
    from governed_kernel.governance.adopted import as_adopted
    from governed_kernel.governance.rules import ADOPTED_DECIDE

    seen = as_adopted(workspace, person, action, resource)
    if seen is not workspace:
        click.echo(f"governed: warning: {ADOPTED_DECIDE}", err=True)
    return seen


_QUESTIONS = ("policy explain",)
"""Commands that name a person and do nothing in their name."""


def _put_on_record(
    workspace: Workspace, context: click.Context, person: str | None, error: GovernedError
) -> None:
    """Let the ledger tell of what somebody tried in vain, whatever it was refused for."""
    from governed_kernel.governance.signing import record_refusal

    action = context.command_path.partition(" ")[2]
    named = [item.name for item in context.command.params if isinstance(item, click.Argument)]
    about = context.params.get(named[0] or "") if named else ""
    if action not in _QUESTIONS:
        with contextlib.suppress(GovernedError):  # no ledger, no room: the error itself matters
            record_refusal(workspace, person or "", action, str(about or ""), error)


def person_option(function: Callable[P, R]) -> Callable[P, R]:
    """``--as PERSON``, else ``GOVERNED_PERSON``; reaches the command as ``person``."""
    return click.option(
        "--as",
        "person",
        envvar="GOVERNED_PERSON",
        required=True,
        metavar="PERSON",
        help="The acting person (or GOVERNED_PERSON).",
    )(function)


def actor_option(function: Callable[P, R]) -> Callable[P, R]:
    """``--as`` where nothing is signed, so the user of this computer is a good default."""
    return click.option(
        "--as",
        "person",
        envvar="GOVERNED_PERSON",
        metavar="PERSON",
        default=lambda: getpass.getuser().lower(),
        show_default="GOVERNED_PERSON, else the user of this computer",
        help="The acting person.",
    )(function)


def passphrase_source(file: Path | None) -> Passphrase:
    """A function that gives the passphrase: the file's first line, else asked on the terminal."""

    def ask(prompt: str) -> bytes:
        if file is not None:
            try:
                with file.open("rb") as lines:  # which may be what another program writes
                    first = lines.readline(_LONGEST_PASSPHRASE + 2)
                if len(first.rstrip(b"\r\n")) <= _LONGEST_PASSPHRASE:
                    return first.removesuffix(b"\n").rstrip(b"\r")
                raise UsageError(
                    f"the passphrase file {file} holds no passphrase",
                    why=f"its first line is longer than {_LONGEST_PASSPHRASE:,} bytes",
                    next="name the file whose first line is the passphrase",
                )
            except OSError as error:
                raise UsageError(
                    f"the passphrase file {file} can't be read",
                    why=error.strerror or str(error),
                    next="name a readable file with --passphrase-file",
                ) from error
        if not sys.stdin.isatty():
            raise UsageError(
                f"{prompt}: no passphrase was given",
                why="there is no terminal to ask on",
                next="give one with --passphrase-file FILE",
            )
        return getpass.getpass(f"{prompt}: ").encode()

    return ask


def _source_of(_: click.Context, __: click.Parameter, value: Path | None) -> Passphrase:
    return passphrase_source(value)


def passphrase_option(function: Callable[P, R]) -> Callable[P, R]:
    """``--passphrase-file FILE``, else asked; reaches the command as ``passphrase(prompt)``."""
    return click.option(
        "--passphrase-file",
        "passphrase",
        type=click.Path(path_type=Path),
        callback=_source_of,
        metavar="FILE",
        help="File whose first line is the acting person's passphrase; else it is asked for.",
    )(function)


def proof_option(function: Callable[P, R]) -> Callable[P, R]:
    """``--passphrase-file FILE`` of who need not sign; reaches the command as ``proof``."""
    return click.option(
        "--passphrase-file",
        "proof",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="File whose first line is the acting person's passphrase, to prove who it is; asked "
        "for where governed.toml says '[run] identified = true'.",
    )(function)


def proof_of(workspace: Workspace, person: str, file: Path | None) -> bytes | None:
    """The person's passphrase, where it was given or the workspace asks for it."""
    if file is None and not workspace.settings.run.identified:
        return None
    return passphrase_source(file)(f"Passphrase of {person}")


def json_option(function: Callable[P, R]) -> Callable[P, R]:
    """``--json``; reaches the command as ``as_json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
    )(function)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    text = msgspec.json.format(shown(value), indent=2)
    click.echo(text.decode())


_MANY = 200
"""Rows beyond which a table is printed as plain columns."""


def print_facts(
    facts: Mapping[str, Any] | Sequence[Mapping[str, Any]], as_json: bool, title: str = ""
) -> None:
    """Print one object or a list of objects: JSON, or a table people can read."""
    if as_json:
        print_json(facts)
        return
    out = console()
    if isinstance(facts, Mapping):
        table = Table(title=title or None, show_header=False, title_justify="left")
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for name, value in facts.items():
            table.add_row(str(name), _shown(value))
        out.print(table)
        return
    if not facts:
        out.print(f"{title}: none" if title else "none")
        return
    if len(facts) > _MANY:
        _print_many(facts)
        return
    table = Table(title=title or None, title_justify="left")
    for name in facts[0]:
        table.add_column(str(name), overflow="fold")
    for row in facts:
        table.add_row(*(_shown(value) for value in row.values()))
    out.print(table)


def _print_many(facts: Sequence[Mapping[str, Any]]) -> None:
    """Rows as plain columns, which programs read too: a ruled table of thousands takes seconds."""
    columns = [_column(values) for values in zip(*(row.values() for row in facts), strict=True)]
    for column, name in zip(columns, facts[0], strict=True):
        column.insert(0, str(name))
    form = "  ".join(f"{{:<{max(map(len, column))}}}" for column in columns)
    click.echo("\n".join(form.format(*row).rstrip() for row in zip(*columns, strict=True)))


def _column(values: Sequence[Any]) -> list[str]:
    """Each value on one line, in one run of spaces at most; many of a column are the same."""
    texts = [_text(value) for value in values]
    lines = {text: " ".join(visible(text).split()) for text in set(texts)}
    return [lines[text] for text in texts]


def _shown(value: Any) -> str:
    from rich.markup import escape

    return escape(visible(_text(value)))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, (dict, list, tuple)):
        return shown(value).decode()
    return str(value)
