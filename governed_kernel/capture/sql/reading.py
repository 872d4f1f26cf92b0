"""What one reading of a statement knows and collects."""

from __future__ import annotations

from sqlglot import exp

from governed_kernel.capture.sql.model import EVERY, Column, Known, Macro, Origin, Schemas, Table
from governed_kernel.capture.sql.parsing import NotReadable, tree_of
from governed_kernel.capture.sql.scopes import Relation, Scope

__all__ = ["Reading"]

_DEEPEST = 40
"""Views in views: deeper than this is a circle."""
_MOST_CALLS = 1000
"""Calls of macros in a statement: more than this is a circle."""


class Reading:
    """One statement being read.

    Parameters
    ----------
    dialect : str
        The name that sqlglot has for it.
    schemas : Schemas
        What the database knows.
    """

    def __init__(self, dialect: str, schemas: Schemas) -> None:
        self.dialect = dialect
        self.schemas = schemas
        self.reads: dict[Table, None] = {}
        self.unresolved: set[str] = set()
        self.doubts: list[str] = []
        self._macros: dict[str, Macro | None] = {}
        self._depth = 0
        self._expanded = 0

    def relation(self, node: exp.Expression, parent: Scope | None = None) -> Relation:
        """The relation that a query makes."""
        from governed_kernel.capture.sql.queries import relation_of

        return relation_of(node, parent, self)

    # --- tables -----------------------------------------------------------------------------

    def table(self, table: Table) -> Relation:
        """A table's columns, each owing to itself; or those of a view's query."""
        known = self.schemas.table(table)
        if known is not None and known.definition:
            view = self._view(known)
            if view is not None:
                return view
        self.reads[table] = None
        names = known.columns if known is not None else None
        if names is None:
            names = table.columns or (EVERY,)
        return Relation(tuple([Column(name, frozenset([Origin(table, name)])) for name in names]))

    def _view(self, known: Known) -> Relation | None:
        if self._depth >= _DEEPEST:
            return None
        try:
            tree = tree_of(known.definition, self.dialect)
        except NotReadable:
            return None
        names: list[str] = []
        if isinstance(tree, exp.Create):
            if isinstance(tree.this, exp.Schema):
                names = [part.name for part in tree.this.expressions]
            tree = tree.expression
        self._depth += 1
        try:
            made = self.relation(tree).renamed(names)
        finally:
            self._depth -= 1
        if known.columns is None:
            return made
        if len(made.columns) == len(known.columns) or len(made.columns) == 1:
            return made.renamed(known.columns)
        return None

    # --- macros -----------------------------------------------------------------------------

    def macro(self, name: str) -> Macro | None:
        """The macro of that name, if there is one."""
        key = name.lower()
        if key not in self._macros:
            self._macros[key] = self.schemas.macro(key) if self._expanded < _MOST_CALLS else None
        return self._macros[key]

    def expanded(self, macro: Macro, call: exp.Anonymous) -> exp.Expression:
        """A macro's definition with the arguments of a call in place of its parameters."""
        given: dict[str, exp.Expression] = {}
        places = iter(macro.parameters)
        for argument in call.expressions:
            if isinstance(argument, exp.PropertyEQ):
                given[argument.this.name.lower()] = argument.expression
            elif (name := next(places, None)) is not None:
                given[name.lower()] = argument
        try:
            tree = tree_of(_as_statement(macro.definition), self.dialect)
        except NotReadable:
            return exp.Anonymous(this="unknown", expressions=call.expressions)
        body = tree.expressions[0] if not _is_query(macro.definition) else tree

        def put(node: exp.Expression) -> exp.Expression:
            if isinstance(node, exp.Column) and len(node.parts) == 1:
                return given.get(node.name.lower(), node)
            return node

        for name in places:  # not given, so its default, which is a constant
            given.setdefault(name.lower(), exp.Null())
        self._expanded += 1
        return body.copy().transform(put)


def _is_query(definition: str) -> bool:
    return definition.lstrip(" (\n\t").lower().startswith(("select", "from", "with", "values"))


def _as_statement(definition: str) -> str:
    return definition if _is_query(definition) else f"SELECT {definition}"
