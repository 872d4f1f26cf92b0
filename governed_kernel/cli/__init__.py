"""The command ``governed``: one module a command group, no logic here."""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import importlib
import io
import sys
from pathlib import Path
from typing import NoReturn

import click

from governed_kernel import __version__
from governed_kernel.cli import streams
from governed_kernel.deferred import defer_iri_grammars
from governed_kernel.errors import GovernedError, ResourceMissing, UsageError
from governed_kernel.visible import visible
from governed_kernel.workspace import Workspace

__all__ = ["main"]

COMMANDS = {
    "approve": "approve:approve",
    "audit": "audit:audit",
    "check": "promote:check",
    "data": "data:data",
    "demo": "demo:demo",
    "deploy": "deploy:deploy",
    "rollback": "deploy:rollback",
    "doctor": "doctor:doctor",
    "init": "init:init",
    "lab": "lab:lab",
    "lineage": "lineage:lineage",
    "people": "people:people",
    "policy": "policy:policy",
    "promote": "promote:promote",
    "recall": "recall:recall",
    "reject": "approve:reject",
    "release": "release:release",
    "revoke": "approve:revoke",
    "run": "run:run",
    "store": "store:store",
    "validate": "run:validate",
}
"""Command → ``module:attribute`` below this package; loaded when used, so that start is quick."""


_NO_LEDGER = ("demo", "doctor", "init", "lab")
"""Commands that ask no ledger."""
_HELP = frozenset(("-h", "--help"))
_LONGEST = 2_000
"""Characters of a line of a message."""


def _verify_ahead(named: str | None) -> None:
    """A command is a program of its own, so it may use all processors for many signatures."""
    from governed_kernel.governance import ahead

    def tell(count: int) -> None:
        if sys.stderr.isatty():
            said = f"governed: verifying about {count:,} signatures, once, as they are new to you …"
            click.echo(said, err=True)

    ahead.allow(tell)
    with contextlib.suppress(GovernedError, OSError, ValueError):  # the command says what is wrong
        ahead.begin(Workspace.open(Path(named)) if named else Workspace.find())


class _Commands(click.Group):
    """Loads a command group's module only when it is called or its help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return sorted(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # Here, as a command's own module is loaded next, while the copies are at work.
        asks = args[0] in COMMANDS and args[0] not in _NO_LEDGER
        if asks and not ctx.resilient_parsing and not _HELP.intersection(args):
            _verify_ahead(ctx.params["workspace"])
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        command: click.Command = getattr(
            importlib.import_module(f"governed_kernel.cli.{module}"), attribute
        )
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": sorted(_HELP)})
@click.version_option(__version__, prog_name="governed")
@click.option(
    "--workspace",
    metavar="DIR",
    help="The workspace to work on; else the nearest governed.toml above the working directory.",
)
@click.pass_context
def governed(context: click.Context, workspace: str | None) -> None:
    """Recorded, approved and reproducible notebooks.

    Exit codes: 0 done, 1 a check or verification says no, 2 wrong use, 3 refused by policy or a
    missing approval, 4 integrity broken, 5 the run failed, 6 a resource is missing,
    130 interrupted.
    """
    context.obj = {"workspace": workspace}


def main(arguments: list[str] | None = None) -> None:
    """Entry point: errors become one message on standard error and an exit code."""
    streams.open_closed()
    streams.outlast()
    streams.keep_private()
    defer_iri_grammars()
    # A large ledger is hundreds of thousands of objects that live until the end: looking for
    # cycles among them every 700 objects takes a third of a command's time.
    gc.set_threshold(1_000_000)
    atexit.register(gc.freeze)  # and again three times when it ends, for nothing
    try:
        code = governed.main(arguments, prog_name="governed", standalone_mode=False)
        lost = streams.unwritten()
    except GovernedError as error:
        click.echo(f"governed: {_readable(str(error))}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show(said := io.StringIO())
        click.echo(_readable(said.getvalue()), err=True, nl=False)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _interrupted()
    except RuntimeError as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        _interrupted()  # in the middle of a query, which DuckDB says in its own way
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        click.echo(f"governed: {_readable(str(_too_long(error)))}", err=True)
        sys.exit(UsageError.exit_code)
    if lost is not None:
        click.echo(f"governed: {_not_shown(lost)}", err=True)
        sys.exit(ResourceMissing.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def _interrupted() -> NoReturn:
    click.echo("governed: interrupted", err=True)
    sys.exit(130)


def _readable(text: str) -> str:
    """A message as a person can read it: nothing that acts on a terminal, no line without end."""
    lines = visible(text).split("\n")
    return "\n".join(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…" for line in lines)


def _too_long(error: OSError) -> UsageError:
    return UsageError(
        f"{str(error.filename or '')[:80]}… is no name of a file",
        why="it is longer than file systems take",
        next="name it by a shorter name",
    )


def _not_shown(error: OSError) -> ResourceMissing:
    return ResourceMissing(
        "what this command says could not be written, and it was carried out all the same",
        why=error.strerror or str(error),
        next="make room where its output goes, and ask what there is now",
    )
