"""Writes the reference from the code, so that the two can't drift apart: ``make reference``."""

from __future__ import annotations

import ast
import inspect
import os
import sys
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

import click
import msgspec

from governed_kernel import configuration, errors
from governed_kernel.cli import COMMANDS, governed
from governed_kernel.lineage import attestations, events
from governed_kernel.lineage.views import VIEWS
from governed_kernel.recorder import environment


def main() -> str:
    """The whole page."""
    parts = [
        "# Reference",
        "Written from the code by `make reference`.",
        "## Commands",
        *_commands(),
        "## Settings: `governed.toml`",
        *_settings(configuration.Configuration, ""),
        "## Errors and exit codes",
        *_errors(errors.GovernedError),
        "## Events of a session's journal",
        *_structs(get_args(events.SessionEvent)),
        "## Events of the ledger",
        *_structs(
            kind for kind in get_args(events.LedgerEvent) if kind is not events.JournalOpened
        ),
        "## What runs do, signed by the workspace's service as a `record`",
        *_structs(get_args(events.RunEvent)),
        "## What people and services sign",
        *_structs(get_args(attestations.Predicate)),
        "## Views of the lineage store",
        *_views(),
        "## What counts as environment",
        *_environment(),
    ]
    return "\n\n".join(parts) + "\n"


def _environment() -> Iterator[str]:
    yield (
        "Opens of these are counted, and no accesses. All else is recorded, and so is data that "
        "lies among them (by its suffix, or because no installation brought it), and every write "
        "where none is named. `{…}` is filled in for the session."
    )
    groups: dict[tuple[str, bool, tuple[str, ...]], list[str]] = {}
    for place in environment.RULES:
        groups.setdefault((place.reason, place.writes, place.names), []).append(place.pattern)
    rows = []
    told: dict[tuple[str, ...], str] = {}
    for (reason, writes, names), patterns in groups.items():
        root = os.path.commonpath(patterns) if len(patterns) > 1 else ""
        root = f"{root}/" if len(root) > 1 else ""
        parts = tuple(pattern.removeprefix(root) for pattern in patterns)
        places = ", ".join(f"`{part}`" for part in parts)
        if root:
            same = told.setdefault(parts, root)
            places = f"below `{root}` {places if same == root else f'the same as below `{same}`'}"
        only = f" Only: {', '.join(f'`{name}`' for name in names)}." if names else ""
        rows.append(f"- {places}: {reason}.{only}{' Writes too.' if writes else ''}")
    yield "\n".join(rows)
    yield (
        f"Data by its suffix: {', '.join(environment.DATA_SUFFIXES)}. "
        f"Code among libraries: {', '.join(environment.CODE_SUFFIXES)}."
    )
    for title, listed in (
        ("Programs of the system", environment.PROGRAMS),
        ("Names in `/dev/shm`", environment.MEMORY_OF_LIBRARIES),
        ("Connections", environment.CONNECTIONS),
    ):
        lines = [f"- `{name}`: {reason}" for name, reason in listed.items()]
        yield "\n".join([f"{title}:", "", *lines])


def _commands() -> Iterator[str]:
    context = click.Context(governed, info_name="governed")
    for name in sorted(COMMANDS):
        command = governed.get_command(context, name)
        assert command is not None
        yield from _command(command, click.Context(command, context, name))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = command.get_usage(context).removeprefix("Usage: ")
    yield f"### `{' '.join(usage.split())}`\n\n{_flat(command.help or '')}"
    rows = [
        f"- `{record[0]}`: {_flat(record[1])}"
        for parameter in command.params
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context))
    ]
    if rows:
        yield "\n".join(rows)
    if command.epilog:
        said, _, example = inspect.cleandoc(command.epilog.lstrip("\b\n")).partition("\n")
        yield f"{said}\n\n{textwrap.indent(textwrap.dedent(example), '    ')}"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, context, name))


def _settings(struct: Any, prefix: str) -> Iterator[str]:
    documentation = _attribute_docs(struct)
    for field in msgspec.structs.fields(struct):
        name = f"{prefix}.{field.name}" if prefix else field.name
        kind = field.type
        inner = next((arg for arg in get_args(kind) if _is_struct(arg)), None)
        if _is_struct(kind):
            yield f"### `[{name}]`\n\n{_first_line(kind)}"
            yield from _settings(kind, name)
        elif inner is not None:
            yield f"### `[{name}.NAME]`\n\n{_first_line(inner)}"
            yield from _settings(inner, f"{name}.NAME")
        else:
            default = "required"
            if not field.required:
                plain = field.default_factory is msgspec.NODEFAULT
                default = f"default {(field.default if plain else field.default_factory())!r}"
            said = documentation.get(field.name, "")
            yield f"- `{name}` ({default}) {said}".rstrip()


def _errors(kind: type) -> Iterator[str]:
    lines = [f"- `{item.__name__}` ({item.exit_code}): {_first_line(item)}" for item in _tree(kind)]
    yield "\n".join(lines)


def _tree(kind: Any) -> Iterator[Any]:
    yield kind
    for inner in kind.__subclasses__():
        if inner.__module__ == errors.__name__:
            yield from _tree(inner)


def _structs(kinds: Any) -> Iterator[str]:
    for kind in kinds:
        documentation = _attribute_docs(kind)
        fields = "\n".join(
            f"- `{field.name}` {documentation.get(field.name, '')}".rstrip()
            for field in msgspec.structs.fields(kind)
            if field.name not in ("schema", "occurred_at")
        )
        yield f"### `{kind.__struct_config__.tag}`\n\n{_first_line(kind)}\n\n{fields}"


def _views() -> Iterator[str]:
    for view in VIEWS:
        rows = "\n".join(
            f"- `{column.name}` ({column.type}) {column.comment}" for column in view.columns
        )
        yield f"### `{view.name}`\n\n{view.comment}\n\n{rows}"


def _attribute_docs(kind: type) -> dict[str, str]:
    """The strings below the fields of a class and its bases, which Python itself throws away."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not base.__module__.startswith("governed_kernel"):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(tree, ast.ClassDef)
        for field, text in zip(tree.body, tree.body[1:], strict=False):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(said)):
                    found[name] = _flat(str(said))
    return found


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _first_line(kind: Any) -> str:
    return _flat((inspect.getdoc(kind) or "").split("\n\n")[0]).replace("``", "`")


def _flat(text: str) -> str:
    return " ".join(text.replace("\b", "").split())


if __name__ == "__main__":
    sys.stdout.write(main())
