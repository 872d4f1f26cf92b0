"""``governed data transform``: a version made from another, by rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from governed_kernel.cli.options import actor_option, json_option, print_facts, workspace_option
from governed_kernel.governance import catalog, catalog_rows
from governed_kernel.visible import visible
from governed_kernel.workspace import Workspace

__all__ = ["transform"]

_RULES = """\b
For instance:
  [keep]                          # every other column is left out
  size = "the model predicts from it"
  note = "a pathologist reads it"
  [[filter]]                      # rows for which this does not hold are left out
  where = "size > 0"
  reason = "a biopsy without a size was not measured"
  [[deduplicate]]                 # of rows that are alike in these the first stays
  by = ["size", "note"]
  reason = "the same slide was scanned twice"
  [[redact]]                      # "*" means every column of text
  columns = ["note"]
  pattern = '\\d{3}-\\d{4}'
  with = "[telephone]"
  reason = "notes hold telephone numbers"
  [[criterion]]
  name = "few are lost"
  sql = "(select count(*) from after) / (select count(*) from before)"
  minimum = 0.9
"""


@click.command(epilog=_RULES)
@click.argument("rules", type=click.Path(path_type=Path), metavar="RULES.toml")
@click.argument("name", metavar="NAME[@VERSION]")
@click.option("--into", default="", metavar="NAME", help="What the result is called.")
@actor_option
@json_option
@workspace_option
def transform(
    workspace: Workspace, rules: Path, name: str, into: str, person: str, as_json: bool
) -> None:
    """Make a registered version from another, by rules that are a file in the workspace.

    RULES.toml says which rows stay ([[filter]], [[deduplicate]]), what is replaced ([[redact]]),
    which columns are kept and why ([keep]), or that rows are drawn anew ([synthesise]); each with
    its reason; and what must hold of the result ([[criterion]]). Nothing is registered when that
    does not hold, or when anything that matches a rule survived. Rules, code, statistics before and
    after and the origin of each column go on record.
    """
    from governed_kernel.governance.transformation import transform as carry_out

    done = carry_out(workspace, workspace.named(rules), name, person, into=into)
    record = done.record
    facts: dict[str, Any] = {
        **catalog_rows.shown(catalog_rows.row(done.made.version), as_json),
        "made_from": record.made_from,
        "rules": record.rules,
        "rules_sha256": record.rules_sha256,
        "operations": record.operations,
        "kept": record.kept,
        "dropped": record.dropped,
        "rows": {"before": record.before["rows"], "after": record.after["rows"]},
        "criteria": msgspec.to_builtins(record.criteria),
        "new": done.made.new,
    }
    title = "was made" if done.made.new else "was made in just this way before"
    for said in _idle(record.operations):
        click.echo(f"governed: warning: {visible(said)}", err=True)
    print_facts(facts, as_json, f"{catalog.label(done.made.version)} {title}")


def _idle(operations: list[dict[str, Any]]) -> Iterator[str]:
    """Patterns that matched nothing: what they were to take out stays, if they are mistyped."""
    for operation in operations:
        if operation["operation"] == "redact" and not operation["matching_rows"]:
            columns = ", ".join(operation["columns"])
            yield f"{operation['pattern']!r} matches nothing in {columns}: is it what you look for?"
