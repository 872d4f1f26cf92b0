"""What the value of an expression owes to, and which names it binds or changes: from its syntax."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence

from governed_kernel.capture.aliases import Aliases
from governed_kernel.capture.magics import code_of
from governed_kernel.capture.references import (
    DIVIDED,
    LENGTH,
    NONE,
    NOTHING,
    Made,
    Reference,
    References,
    closed,
    extended,
)
from governed_kernel.capture.relations import asks_membership
from governed_kernel.capture.writing import is_place

__all__ = ["CALLED", "Expressions"]

_ROWS = {
    *("itertuples", "iterrows", "iter_rows", "iter_slices", "items", "rows", "named", "values"),
    *("to_dict", "to_dicts", "tolist", "to_list", "to_numpy", "numpy", "copy"),
    *("head", "tail", "sample", "sort", "sort_values", "reset_index"),
}
"""Methods whose results have the subject's own columns."""
_CHANGING = {
    *("append", "appendleft", "extend", "extendleft", "insert", "add", "update", "setdefault"),
    *("put", "push", "set", "write", "writerow", "writerows", "load_state_dict"),
    *("fit", "partial_fit", "fit_transform", "fit_predict", "set_params"),
}
"""Methods that change their subject, and by their arguments."""
CALLED = ("()",)
"""The place of what is not in a thing, but in what a call of it gives."""
_PASSING = {"list", "tuple", "sorted", "reversed", "iter", "set", "frozenset", "next"}
"""Functions whose result holds what their first argument holds."""


class Expressions(ABC):
    """Evaluates expressions to what they owe to, with the names that statements have bound."""

    def __init__(self) -> None:
        self.reads: set[Reference] = set()
        self.bound: dict[str, Made] = {}
        self.written: set[str] = set()
        self.every: dict[str, Made] = {}
        """All that names were bound to, one time or another."""
        self.touched: dict[str, Made] = {}
        self.given: set[Reference] = set()
        self.places: dict[str, set[tuple[str, ...]]] = {}
        self.among: set[Reference] = set()
        self.hidden: set[str] = set()
        self.conditions: list[References] = []
        self.left: References = NONE
        """What decides that this is run at all: a loop or a function may have been left before."""
        self.risked: References = NONE
        """What decides so too: an error of it would have been caught, and the rest left out."""
        self.caught = 0
        """How many handlers there are around for what is raised; elsewhere it ends everything."""
        self.passed: dict[str, Made] = {}
        """What names were bound to where an error may have been caught before or after it."""
        self.depth = 0
        self.aliases = Aliases()

    @abstractmethod
    def run(self, body: Iterable[ast.stmt]) -> None:
        """Statements, of which the code of a magic is made."""

    # --- names ------------------------------------------------------------------------------

    def write(self, name: str, made: Made) -> None:
        """Bind `name`, under the conditions that hold here."""
        self.bound[name] = made = self._decided(made)
        self.written.add(name)
        self._bind_once(name, made)
        if self.caught:
            self.passed[name] = self.passed.get(name, NOTHING) | made

    def _bind_once(self, name: str, made: Made) -> None:
        if name not in self.hidden:
            self.every[name] = self.every.get(name, NOTHING) | made

    def unbound(self, name: str) -> Made:
        """What a name stands for where nothing has bound it."""
        return NOTHING if name in self.hidden else Made(frozenset((Reference(name),)))

    def _decided(self, made: Made) -> Made:
        """With the conditions that hold here."""
        deciding = self.deciding()
        return Made(made.direct, made.indirect | deciding) if deciding else made

    def deciding(self) -> References:
        """What decides whether that is run which stands here."""
        return self.left.union(self.risked, *self.conditions)

    def bind(self, target: ast.expr, made: Made, source: ast.expr | None) -> None:
        """Bind whatever stands on the left of an assignment."""
        match target:
            case ast.Name():
                self.write(target.id, made)
                self.aliases.bind(target.id, source)
            case ast.Starred():
                self.bind(target.value, made, None)
            case ast.Tuple() | ast.List():
                parts = self._parts(source, target.elts)
                for number, part in enumerate(target.elts):
                    own = self.value(parts[number]) if parts else made
                    self.bind(part, own, parts[number] if parts else None)
            case ast.Attribute() | ast.Subscript():
                self.given |= made.all
                if self.depth and is_place(target) and isinstance(target, ast.Subscript):
                    self.given |= self.value(target.slice).all  # a turn says in which rows
                if isinstance(target, ast.Subscript):
                    made = made | closed(self.value(target.slice))
                self.touch(target.value, made, [source] if source is not None else [])
            case _:
                pass

    @staticmethod
    def _parts(source: ast.expr | None, targets: list[ast.expr]) -> list[ast.expr]:
        """``a, b = x, y`` part by part."""
        given = source.elts if isinstance(source, ast.Tuple | ast.List) else []
        starred = any(isinstance(part, ast.Starred) for part in [*given, *targets])
        return given if len(given) == len(targets) and not starred else []

    def touch(self, subject: ast.expr, made: Made, given: Sequence[ast.expr] = ()) -> None:
        """The thing behind an expression is changed in place, and may hold what is given to it."""
        place: tuple[str, ...] = ()
        is_called = False
        while isinstance(subject, ast.Attribute | ast.Subscript | ast.Call):
            place = (subject.attr, *place) if isinstance(subject, ast.Attribute) else ()
            is_called |= isinstance(subject, ast.Call)
            subject = subject.func if isinstance(subject, ast.Call) else subject.value
        if not isinstance(subject, ast.Name):
            return
        name = subject.id
        self.places.setdefault(name, set()).add(CALLED if is_called else place)
        self.aliases.put(name, given)
        made = self._decided(made)
        for each in (name, *self.aliases.holders(name)):
            if each != name:  # what led to the part of it that is changed
                made = made | closed(self._name(name))
            if each in self.bound:
                self.bound[each] = self.bound[each] | made
                self._bind_once(each, made)
            if each not in self.hidden:
                self.touched[each] = self.touched.get(each, NOTHING) | made

    def _each(self, target: ast.expr, iterable: ast.expr, source: Made) -> None:
        """Bind the target of a loop to what one turn gives."""
        call = iterable if isinstance(iterable, ast.Call) else None
        name = call.func.id if call and isinstance(call.func, ast.Name) else ""
        if call is not None and isinstance(target, ast.Tuple):
            if name == "zip" and len(call.args) == len(target.elts):
                for part, argument in zip(target.elts, call.args, strict=True):
                    self._each(part, argument, self.value(argument))
                return
            if name == "enumerate" and len(target.elts) == 2 and call.args:
                self.bind(target.elts[0], NOTHING, None)
                self._each(target.elts[1], call.args[0], self.value(call.args[0]))
                return
        self.bind(target, source, iterable)

    # --- expressions ------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Made:
        """What the value of an expression owes to."""
        match node:
            case ast.Name():
                return self._name(node.id)
            case ast.Attribute():
                return extended(self.value(node.value), node.attr)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Call():
                return self._call(node)
            case ast.IfExp():
                test = self.value(node.test)
                chosen = self._under(test, [node.body, node.orelse])
                return Made(chosen.direct, chosen.indirect | test.all)
            case ast.BoolOp():
                first = self.value(node.values[0])
                return first | self._under(first, node.values[1:])
            case ast.NamedExpr():
                made = self.value(node.value)
                self.bind(node.target, made, node.value)
                return made
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return self._comprehension(node.generators, [node.elt])
            case ast.DictComp():
                return self._comprehension(node.generators, [node.key, node.value])
            case ast.Lambda():
                return self._lambda(node)
            case ast.Starred():
                return self.value(node.value)
            case ast.Compare():
                for sign, container in zip(node.ops, node.comparators, strict=True):
                    # a constant is a key or a column's name: there or not, for all rows alike
                    asks = not isinstance(node.left, ast.Constant)
                    if asks and isinstance(sign, ast.In | ast.NotIn):
                        self.among |= self.value(container).all
                return closed(self._all((node.left, *node.comparators)))
            case _:
                return closed(self._all(_expressions(node)))

    def _all(self, nodes: Iterable[ast.expr]) -> Made:
        made = NOTHING
        for node in nodes:
            made = made | self.value(node)
        return made

    def _name(self, name: str) -> Made:
        return self.bound[name] if name in self.bound else self.unbound(name)

    def _subscript(self, node: ast.Subscript) -> Made:
        subject = self.value(node.value)
        match node.slice:
            case ast.Constant(value=int()) if _by_place(node):
                return subject  # of a frame it is a row, whatever it is of the frame's columns
            case ast.Constant(value=str() | int() as key) if not isinstance(key, bool):
                return extended(subject, key)
            case ast.Tuple(elts=[ast.Constant(), ast.Constant(value=str() as key)]) if _by_label(
                node
            ):
                return extended(subject, key)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) if parts and all(
                isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts
            ):
                made = NOTHING
                for part in parts:
                    made = made | extended(subject, str(getattr(part, "value", "")))
                return made
            case ast.Tuple(elts=[*rows, ast.Constant(value=str() as key)]):
                # ``frame.loc[rows, "a"]``, ``frame.at[row, "a"]``
                made = extended(subject, key)
                return Made(made.direct, made.indirect | self._all(rows).all)
            case ast.Tuple(elts=[*rows, ast.Constant(value=int() as place)]) if _by_place(node):
                made = extended(subject, place)
                return Made(made.direct, made.indirect | self._all(rows).all)
        index = self.value(node.slice)
        return Made(subject.direct, subject.indirect | index.all)

    def _call(self, node: ast.Call) -> Made:
        if (code := code_of(node)) is not None:
            return self._code(code)
        if self._counts(node):
            return extended(self.value(node.args[0]), LENGTH)
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        given = NOTHING
        divided = _divided(node)
        for argument in arguments:
            made = self.argument(argument)
            given = given | (extended(made, divided[argument]) if argument in divided else made)
        self.given |= given.all
        if isinstance(node.func, ast.Attribute) and asks_membership(node.func.attr):
            # ``series.isin(values)``, ``np.isin(array, values)``
            self.among |= self._all(arguments[1:] or arguments).all
        for keyword in node.keywords:
            if keyword.arg == "out":
                self.touch(keyword.value, closed(given))
        if isinstance(node.func, ast.Attribute):
            subject = self.value(node.func.value)
            method = node.func.attr
            if method in _CHANGING:
                self.touch(node.func.value, closed(given), arguments)
            kept = subject if method in _ROWS else closed(extended(subject, method))
            return kept | closed(given)
        if isinstance(node.func, ast.Name) and node.func.id in _PASSING and not node.keywords:
            return given
        return closed(self.value(node.func)) | closed(given)

    def argument(self, node: ast.expr) -> Made:
        """What an argument of a call owes to."""
        return self.value(node)

    def _counts(self, node: ast.Call) -> bool:
        """Whether a call asks how long a thing of the statement's start is: ``len(frame)``.

        What a loop runs over may be a value, whose length tells of it.
        """
        if not isinstance(node.func, ast.Name) or node.func.id != "len" or node.keywords:
            return False
        thing = node.args[0] if len(node.args) == 1 else node
        while isinstance(thing, ast.Attribute | ast.Subscript):
            thing = thing.value
        if not isinstance(thing, ast.Name):
            return False
        return thing.id not in self.hidden and self._is_from_outside(thing.id)

    def _is_from_outside(self, name: str) -> bool:
        """Whether a name still stands for what it did at first: of a function, its parameter."""
        return name not in self.bound

    def _comprehension(self, generators: list[ast.comprehension], elements: list[ast.expr]) -> Made:
        first = self.value(generators[0].iter)  # in the scope around it

        def inside() -> Made:
            deciding, counted = NOTHING, first.all
            for number, generator in enumerate(generators):
                source = self.value(generator.iter) if number else first
                self._each(generator.target, generator.iter, source)
                deciding = deciding | self._all(generator.ifs)
                counted |= source.all
            made = self._under(deciding, elements)
            # How many there are is the iterable's doing, if nothing else is.
            return Made(made.direct or counted, made.indirect | deciding.all)

        names = {name for generator in generators for name in _names(generator.target)}
        return self._inside(names, inside)

    def _under(self, condition: Made, nodes: list[ast.expr]) -> Made:
        """Expressions that are evaluated, and change what they call, where a condition says so."""
        self.conditions.append(condition.all)
        made = self._all(nodes)
        self.conditions.pop()
        return made

    def _lambda(self, node: ast.Lambda) -> Made:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
        names = {argument.arg for argument in every}
        return self._inside(names, lambda: self.value(node.body))

    def _inside(self, names: set[str], work: Callable[[], Made]) -> Made:
        """Evaluate with `names` of an inner scope, and forget them after."""
        bound, hidden, written = dict(self.bound), set(self.hidden), set(self.written)
        for name in names:
            self.bound.pop(name, None)
        self.hidden |= names
        made = work()
        kept = {name: value for name, value in self.bound.items() if name not in names}
        self.bound = {**{name: bound[name] for name in names if name in bound}, **kept}
        self.hidden = hidden
        self.written = written | {name for name in self.written if name not in names}
        return made

    def _code(self, code: str) -> Made:
        """Code that a magic runs."""
        try:
            body = ast.parse(code).body
        except SyntaxError:
            return NOTHING
        self.run(body)
        return NOTHING


def _divided(node: ast.Call) -> dict[ast.expr, str]:
    """What may be given to be divided, and the step to how it is: ``folds.split(X, y)``."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "split":
        return {}
    named = {each.value: f"split({each.arg})" for each in node.keywords}
    placed = dict(zip(node.args, DIVIDED, strict=False))
    return placed | {part: step for part, step in named.items() if step in DIVIDED}


def _names(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name):
            yield node.id


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The nearest expressions below a node that has no rule of its own."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif not isinstance(child, ast.stmt):
            yield from _expressions(child)


def _by_label(node: ast.Subscript) -> bool:
    """Whether rows and columns are labelled: ``thing.loc[…]``."""
    return isinstance(node.value, ast.Attribute) and node.value.attr in ("at", "loc")


def _by_place(node: ast.Subscript) -> bool:
    """Whether rows, or rows and columns, are counted: ``thing.iloc[…]``."""
    return isinstance(node.value, ast.Attribute) and node.value.attr in ("iat", "iloc")
