"""What each kind of statement reads, writes and makes of which columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from governed_kernel.capture.sql.commands import command_of
from governed_kernel.capture.sql.expressions import value_of
from governed_kernel.capture.sql.generated import generated_columns, with_generated
from governed_kernel.capture.sql.model import (
    EVERY,
    NONE,
    VALUE,
    Column,
    Lineage,
    Origin,
    Origins,
    Schemas,
    Table,
    column,
    through,
)
from governed_kernel.capture.sql.parsing import NotReadable, trees_of
from governed_kernel.capture.sql.reading import Reading
from governed_kernel.capture.sql.scopes import Binding, Relation, Scope
from governed_kernel.capture.sql.tables import from_clause, table_named

__all__ = ["lineages"]


def lineages(sql: str, dialect: str, schemas: Schemas) -> tuple[Lineage, ...]:
    """The lineage of each statement; see `lineage_of`."""
    command = command_of(sql, dialect, schemas, lineages)
    if command is not None:
        return command
    try:
        trees = trees_of(sql, dialect)
    except NotReadable as error:
        return (Lineage("unknown", sql, reason=str(error)),)
    single = len(trees) == 1
    return tuple([_lineage(tree, sql if single else None, dialect, schemas) for tree in trees])


def _lineage(tree: exp.Expression, sql: str | None, dialect: str, schemas: Schemas) -> Lineage:
    text = tree.sql(dialect=dialect) if sql is None else sql
    if sql is None or isinstance(tree, (exp.Command, exp.Column)):
        # Of several statements each is looked at by its own text, and what sqlglot doesn't know.
        command = command_of(text, dialect, schemas, lineages)
        if command is not None:
            return command[0]
    rule = next((rule for kind, rule in _RULES if isinstance(tree, kind)), None)
    if rule is None:
        return Lineage("other", text)
    reading = Reading(dialect, schemas)
    try:
        return rule(tree, text, reading)
    except RecursionError:
        return Lineage("unknown", text, reads=tuple(reading.reads), reason="nested too deeply")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # A shape of tree that was not foreseen: the tables are still known.
        return Lineage(
            "unknown",
            text,
            reads=tuple(reading.reads),
            reason=f"{type(error).__name__}: {error}",
        )


def _of_relation(
    kind: str, text: str, relation: Relation, reading: Reading, **facts: Any
) -> Lineage:
    reason = ""
    if reading.unresolved:
        reason = f"no table has {', '.join(sorted(reading.unresolved))}"
    return Lineage(
        kind,
        text,
        reads=tuple(reading.reads),
        columns=relation.columns,
        rows=relation.rows,
        uncertain=bool(reading.doubts),
        reason=reason,
        **facts,
    )


# --- queries ---------------------------------------------------------------------------------


def _query(tree: exp.Expression, text: str, reading: Reading) -> Lineage:
    return _of_relation("select", text, reading.relation(tree), reading, result=True)


def _describe(tree: exp.Expression, text: str, reading: Reading) -> Lineage:  # noqa: ARG001
    return Lineage("describe", text, result=True)


# --- tables made and filled ------------------------------------------------------------------


def _create(tree: exp.Create, text: str, reading: Reading) -> Lineage:
    kind, target = str(tree.args.get("kind") or "").upper(), tree.this
    if kind in ("MACRO", "FUNCTION"):
        return Lineage("create macro", text, target=Table((target.this.name,)))
    names: list[str] = []
    if isinstance(target, exp.Schema):
        names = [part.name for part in target.expressions if hasattr(part, "name")]
        if any(isinstance(part, exp.ColumnDef) for part in target.expressions):
            names = [p.this.name for p in target.expressions if isinstance(p, exp.ColumnDef)]
        target = target.this
    if isinstance(target, exp.Index):
        target = target.args.get("table")
    table = table_named(target) if isinstance(target, exp.Table) else None
    if kind not in ("TABLE", "VIEW") or table is None:
        return Lineage(f"create {kind.lower()}", text, target=table)
    options = {"replace": "yes"} if tree.args.get("replace") else {}
    if tree.args.get("exists"):
        options["exists"] = "yes"
    if tree.find(exp.TemporaryProperty) is not None:
        options["temporary"] = "yes"
    query = tree.args.get("expression")
    if query is None:
        options |= {
            f"generated {name}": text for name, text in generated_columns(tree.this, reading)
        }
        columns = tuple([Column(name) for name in names])
        return Lineage("create table", text, target=table, columns=columns, options=options)
    relation = reading.relation(query).renamed(names)
    kind = f"create {kind.lower()}"
    return _of_relation(kind, text, relation, reading, target=table, options=options)


def _insert(tree: exp.Insert, text: str, reading: Reading) -> Lineage:
    target, names = tree.this, list[str]()
    if isinstance(target, exp.Schema):
        names = [part.name for part in target.expressions]
        target = target.this
    table = table_named(target)
    outer = Scope()
    if tree.args.get("with_") is not None:
        from governed_kernel.capture.sql.queries import with_clause

        outer = with_clause(tree, None, reading) or outer
    query = tree.args.get("expression")
    made = reading.relation(query, outer) if isinstance(query, exp.Expression) else Relation(())
    if not names and not tree.args.get("by_name"):
        names = list(_columns_of(table, reading) or ())
    relation = made.renamed(names)
    conflict = tree.args.get("conflict")
    if conflict is not None and conflict.expressions:
        relation = _on_conflict(conflict, table, relation, reading)
    nothing = Relation(tuple([Column(name) for name in _columns_of(table, reading) or ()]))
    relation = with_generated(table, relation, nothing, reading)
    return _of_relation("insert", text, relation, reading, target=table, keeps=True)


def _columns_of(table: Table, reading: Reading) -> tuple[str, ...] | None:
    """Those that can be filled."""
    known = reading.schemas.table(table)
    if known is None or known.columns is None:
        return None
    own = {name for name, _ in known.generated}
    return tuple([name for name in known.columns if name not in own])


def _itself(table: Table, reading: Reading) -> Relation:
    """The target's columns as they were; reading them is no read of another table."""
    names = _columns_of(table, reading) or (EVERY,)
    return Relation(tuple([Column(name, frozenset([Origin(table, name)])) for name in names]))


def _on_conflict(
    conflict: exp.Expression, table: Table, relation: Relation, reading: Reading
) -> Relation:
    """``DO UPDATE SET a = excluded.a``: a row that is there already gets what is said."""
    scope = Scope(
        [
            Binding((table.name[-1].lower(),), _itself(table, reading)),
            Binding(("excluded",), relation),
        ]
    )
    found = {made.name.lower(): made for made in relation.columns}
    keys = _names_of(conflict.args.get("conflict_keys") or [])
    # Which row it is, the keys of both decide.
    both = [
        scope.find([name, key]) for name in (table.name[-1].lower(), "excluded") for key in keys
    ]
    by = through("JOIN", NONE.union(*[made.origins for made in both if made is not None]))
    for part in conflict.expressions:
        name = part.this.name
        value = value_of(part.expression, scope, reading).origins | by
        known = found.get(name.lower())
        found[name.lower()] = column(name, value | (known.origins if known else NONE))
    return Relation(tuple(found.values()), relation.rows)


def _names_of(nodes: list[exp.Expression]) -> list[str]:
    return [found.name for node in nodes for found in node.find_all(exp.Column)]


def _update(tree: exp.Update, text: str, reading: Reading) -> Lineage:
    table = table_named(tree.this)
    scope = _target_scope(tree.this, tree.args.get("from_"), reading)
    where = tree.args.get("where")
    chosen = value_of(where.this, scope, reading).origins if where is not None else NONE
    columns = _assigned(tree.expressions, scope, through("CONDITIONAL", chosen), reading)
    relation = with_generated(table, Relation(tuple(columns)), _itself(table, reading), reading)
    # Of a row that is changed for certain nothing is left in what is assigned.
    every = where is None and not tree.args.get("from_")
    options = {"rows": "every"} if every else {}
    return _of_relation(
        "update", text, relation, reading, target=table, keeps=True, options=options
    )


def _target_scope(target: exp.Table, source: Any, reading: Reading) -> Scope:
    table = table_named(target)
    called = (target.alias.lower(),) if target.alias else tuple(p.lower() for p in table.name)
    scope = Scope([Binding(called, _itself(table, reading))])
    if source:
        items = source if isinstance(source, list) else [source]
        for item in items:
            first = item.this if isinstance(item, exp.From) else item
            scope.bindings += from_clause(first, [], None, reading).bindings
    return scope


def _assigned(
    assignments: list[exp.Expression], scope: Scope, chosen: Origins, reading: Reading
) -> list[Column]:
    """What the assigned columns owe to; which rows it concerns is a condition."""
    columns = []
    for part in assignments:
        if isinstance(part, exp.EQ):
            name = part.this.name
            columns.append(column(name, value_of(part.expression, scope, reading).origins | chosen))
    return columns


def _delete(tree: exp.Delete, text: str, reading: Reading) -> Lineage:
    target = tree.this
    table = table_named(target)
    scope = _target_scope(target, tree.args.get("using"), reading)
    where = tree.args.get("where")
    rows = value_of(where.this, scope, reading).origins if where is not None else NONE
    relation = Relation((), through("FILTER", rows))
    return _of_relation("delete", text, relation, reading, target=table, keeps=where is not None)


def _truncate(tree: exp.TruncateTable, text: str, reading: Reading) -> Lineage:  # noqa: ARG001
    target = tree.expressions[0]
    return Lineage("delete", text, target=table_named(target))


def _merge(tree: exp.Merge, text: str, reading: Reading) -> Lineage:
    table = table_named(tree.this)
    scope = _target_scope(tree.this, [tree.args["using"]], reading)
    on = tree.args.get("on")
    keys = through("JOIN", value_of(on, scope, reading).origins) if on is not None else NONE
    found: dict[str, Origins] = {}
    rows = NONE
    for when in tree.args["whens"].expressions:
        condition = when.args.get("condition")
        chosen = value_of(condition, scope, reading).origins if condition is not None else NONE
        then = when.args.get("then")
        if isinstance(then, exp.Update):
            by = keys | through("CONDITIONAL", chosen)
            parts = _assigned(then.expressions, scope, by, reading)
            if not then.expressions:
                parts = _matched_by_name(scope, by)
        elif isinstance(then, exp.Insert):
            parts = _merged_row(then, table, scope, keys | through("FILTER", chosen), reading)
        else:
            rows |= keys | through("FILTER", chosen)
            continue
        for part in parts:
            name = part.name.lower()
            found[name] = found.get(name, NONE) | part.origins
    columns = tuple([Column(name, origins) for name, origins in found.items()])
    return _of_relation("merge", text, Relation(columns, rows), reading, target=table, keeps=True)


def _matched_by_name(scope: Scope, by: Origins) -> list[Column]:
    """``UPDATE`` and ``INSERT`` without columns: the source's, by name."""
    source = scope.bindings[1:]
    return [
        column(made.name, made.origins | by) for item in source for made in item.relation.columns
    ]


def _merged_row(
    then: exp.Insert, table: Table, scope: Scope, by: Origins, reading: Reading
) -> list[Column]:
    values = then.args.get("expression")
    if not isinstance(values, exp.Tuple):
        return _matched_by_name(scope, by)
    listed = then.this
    if isinstance(listed, (exp.Tuple, exp.Schema)):
        names = [part.name for part in listed.expressions]
    else:
        names = list(_columns_of(table, reading) or ())
    return [
        column(name, value_of(value, scope, reading).origins | by)
        for name, value in zip(names, values.expressions, strict=False)
    ]


# --- files -----------------------------------------------------------------------------------


def _copy(tree: exp.Copy, text: str, reading: Reading) -> Lineage:
    files = tree.args.get("files") or []
    place = files[0].name if files else ""
    options = {
        part.this.name.lower(): part.expression.name if part.expression is not None else "yes"
        for part in tree.args.get("params") or []
        if isinstance(part, exp.CopyParameter)
    }
    source, names = tree.this, list[str]()
    if isinstance(source, exp.Schema):
        names = [part.name for part in source.expressions]
        source = source.this
    file = Table((place,), "copy")
    if tree.args.get("kind"):
        table = table_named(source)
        names = names or list(_columns_of(table, reading) or (EVERY,))
        relation = reading.table(file)
        if len(relation.columns) != len(names) or relation.columns[0].name == EVERY:
            reading.reads[file] = None
            columns = tuple([Column(name, frozenset([Origin(file, name)])) for name in names])
            relation = Relation(columns)
        relation = relation.renamed(names)
        return _of_relation(
            "copy from", text, relation, reading, target=table, keeps=True, options=options
        )
    if isinstance(source, exp.Table):
        relation = reading.table(table_named(source))
        if names:
            wanted = {name.lower() for name in names}
            kept = [made for made in relation.columns if made.name.lower() in wanted]
            relation = Relation(tuple(kept), relation.rows)
    else:
        relation = reading.relation(source)
    return _of_relation("copy to", text, relation, reading, target=file, options=options)


# --- what makes no data ----------------------------------------------------------------------


def _attach(tree: exp.Attach, text: str, reading: Reading) -> Lineage:  # noqa: ARG001
    this = tree.this
    alias = this.alias if isinstance(this, exp.Alias) else ""
    path = this.this.name if isinstance(this, exp.Alias) else this.name
    options = {"alias": alias}
    for part in tree.expressions:
        value = part.args.get("expression")
        options[part.this.name.lower()] = value.name if value is not None else "yes"
    return Lineage("attach", text, target=Table((path,)), options=options)


def _drop(tree: exp.Drop, text: str, reading: Reading) -> Lineage:  # noqa: ARG001
    listed = tree.args.get("tables") or [tree.this]
    named = next((part for part in listed if isinstance(part, exp.Table)), None)
    kind = str(tree.args.get("kind") or "").lower()
    return Lineage(f"drop {kind}", text, target=table_named(named) if named is not None else None)


def _alter(tree: exp.Alter, text: str, reading: Reading) -> Lineage:  # noqa: ARG001
    target = tree.this
    options = {}
    for action in tree.args.get("actions") or []:
        if isinstance(action, exp.RenameColumn):
            options[f"rename {action.this.name}"] = action.args["to"].name
        elif isinstance(action, exp.AlterRename):
            # ``RENAME a TO b`` without COLUMN names a column as well.
            into = [part for part in tree.args.get("options") or [] if _is_new_name(part)]
            if into:
                options[f"rename {action.this.name}"] = into[0].this.name
            else:
                options["rename"] = action.this.name
    table = table_named(target) if isinstance(target, exp.Table) else None
    return Lineage("alter", text, target=table, options=options, keeps=True)


def _is_new_name(part: exp.Expression) -> bool:
    return isinstance(part, exp.ToTableProperty)


def _simple(kind: str) -> Callable[[Any, str, Reading], Lineage]:
    def rule(tree: Any, text: str, reading: Reading) -> Lineage:  # noqa: ARG001
        return Lineage(kind, text)

    return rule


def _set(tree: exp.Set, text: str, reading: Reading) -> Lineage:
    item = tree.expressions[0] if tree.expressions else tree
    if str(item.args.get("kind") or "").upper() != "VARIABLE":
        return Lineage("set", text)
    made = value_of(item.this.expression, Scope(), reading)
    relation = Relation((Column(VALUE, made.origins),))
    options = {"name": item.this.this.name}
    return _of_relation("set variable", text, relation, reading, options=options)


_RULES: list[tuple[Any, Callable[[Any, str, Reading], Lineage]]] = [
    ((exp.Query, exp.Values, exp.Pivot, exp.Summarize), _query),
    (exp.Create, _create),
    (exp.Insert, _insert),
    (exp.Update, _update),
    (exp.Delete, _delete),
    (exp.TruncateTable, _truncate),
    (exp.Merge, _merge),
    (exp.Copy, _copy),
    (exp.Attach, _attach),
    (exp.Detach, _simple("detach")),
    (exp.Drop, _drop),
    (exp.Alter, _alter),
    (exp.Describe, _describe),
    (exp.Show, _describe),
    (exp.Set, _set),
    (exp.Pragma, _simple("set")),
    (exp.Use, _simple("use")),
    ((exp.Transaction, exp.Commit, exp.Rollback), _simple("transaction")),
]
