"""What a function changes by another name than the one that it asks for: from its text alone.

``push = rows.append`` and then ``push(b)`` changes ``rows``, so does ``heapq.heappush(rows, b)``,
and ``put(rows, b)`` may. Nothing tells of it before the function has ended; so whatever a call may
change owes to all that it is given, and so does what shares something with that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from governed_kernel.capture.references import NOTHING, Made, closed
from governed_kernel.capture.statements import Reader

__all__ = ["Sharing", "Things"]

_HARMLESS = {
    *("len", "print", "int", "float", "str", "sum", "min", "max", "sorted", "zip", "enumerate"),
    *("range", "list", "dict", "set", "tuple", "abs", "round", "isinstance", "type", "any", "all"),
    *("repr", "hash", "id", "bool", "reversed", "iter", "open", "format", "chr", "ord", "divmod"),
    *("pow", "hasattr", "getattr", "callable", "frozenset", "bytes", "bytearray", "complex"),
    *("slice", "vars", "dir", "super", "input", "map", "filter", "next", "issubclass", "display"),
}
"""Built-in functions that change nothing by what they are given."""
_FIRST = {
    *("copyto", "put", "putmask", "place", "put_along_axis", "fill_diagonal", "at", "shuffle"),
    *("heappush", "heappushpop", "heapreplace", "insort", "insort_left", "insort_right"),
    *("setitem", "delitem", "iadd", "isub", "imul", "ior", "iand", "ixor", "iconcat", "itruediv"),
    *("append", "extend", "insert", "add", "update", "remove", "discard", "pop", "setattr"),
    *("__setitem__", "__iadd__", "__setattr__", "vector_to_parameters", "partial", "reduce"),
}
"""Functions of libraries that change what they are given first, or pass it on to be changed."""
_UNARY = ("exp", "log", "sqrt", "abs", "absolute", "negative", "sign", "square", "floor", "ceil")
_BINARY = (
    *("add", "subtract", "multiply", "divide", "true_divide", "floor_divide", "power", "mod"),
    *("remainder", "maximum", "minimum", "fmax", "fmin", "logical_and", "logical_or", "equal"),
    *("logical_xor", "greater", "greater_equal", "less", "less_equal", "not_equal", "dot"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "hypot", "arctan2", "matmul"),
)
_INTO = {**dict.fromkeys(_UNARY, 1), **dict.fromkeys(_BINARY, 2), "clip": 3, "take": 3}
"""Functions of numpy, and the place of the array that takes their result."""
_READING = {
    *("get", "items", "keys", "values", "index", "count", "copy", "join", "split", "strip"),
    *("mean", "sum", "std", "var", "min", "max", "median", "any", "all", "round", "clip", "dot"),
    *("reshape", "ravel", "flatten", "transpose", "astype", "tolist", "numpy", "detach", "item"),
    *("argsort", "argmax", "argmin", "cumsum", "unique", "nonzero", "squeeze", "unsqueeze", "to"),
    *("isdisjoint", "issubset", "issuperset", "union", "intersection", "difference", "size"),
    *("startswith", "endswith", "lower", "upper", "replace", "format", "encode", "decode", "read"),
    *("match", "search", "fullmatch", "findall", "sub", "predict", "predict_proba", "transform"),
    *("score", "searchsorted", "backward", "float", "long", "int", "double", "cpu", "view", "T"),
}
"""Methods that leave their subject what it was; of any other it is taken to be changed."""
_VIEWING = {
    *("get", "setdefault", "values", "items", "keys", "ravel", "reshape", "view", "transpose"),
    *("squeeze", "unsqueeze", "swapaxes", "diagonal", "expand", "narrow", "detach", "numpy"),
    *("asarray", "asanyarray", "from_numpy", "as_tensor", "partial", "iter", "memoryview"),
    *("atleast_1d", "atleast_2d", "broadcast_to", "data_ptr", "enumerate", "zip", "reversed"),
}
"""Functions and methods that give what they are given, a part of it, or a view of it."""
_CALLING = {
    *("map", "filter", "reduce", "starmap", "accumulate", "apply", "applymap", "transform", "pipe"),
    *("agg", "aggregate", "map_elements", "map_rows", "map_batches", "submit", "partial"),
}
"""Functions that call what they are given."""
_MOST_RUNS = 50
"""So often functions within are run; they may call each other, each several times."""
_CALLED = ("key", "callback", "func", "function", "target", "object_hook", "default")
"""Names of arguments that are called."""


class Things(NamedTuple):
    """What is known of a function's names before its text is read.

    Attributes
    ----------
    own : frozenset of str
        Its own names.
    fixed : frozenset of str
        Those of them that nothing changes in place: numbers, texts, and what observers follow.
    libraries : frozenset of str
        Global names of what others wrote, whose functions are known to change what they are given.
    passing : frozenset of str
        Global names of the user's context managers that may take an error.
    """

    own: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    libraries: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()


class Sharing(Reader):
    """Runs a function's statements, with what its names share.

    Parameters
    ----------
    things : Things
    """

    def __init__(self, things: Things) -> None:
        super().__init__()
        self._things = things
        self._links: dict[str, set[str]] = {}
        self._rebound: set[str] = set()
        """Names that functions within bind."""
        self._valued: dict[ast.AST | None, Made] = {}
        self._functions: dict[str, ast.FunctionDef] = {}
        """Functions within that are run where they are called."""
        self._runs = 0

    # --- what shares something --------------------------------------------------------------

    def bind(self, target: ast.expr, made: Made, source: ast.expr | None) -> None:
        """As of the reader; what a name is bound to may be a part of another's thing."""
        parted = isinstance(target, ast.Tuple | ast.List) and self._parts(source, target.elts)
        if source is not None and not parted:
            self._link(_targets(target), self._parts_in(source))
        super().bind(target, made, source)

    def _each(self, target: ast.expr, iterable: ast.expr, source: Made) -> None:
        parted = isinstance(iterable, ast.Call) and _name_of(iterable.func) in ("zip", "enumerate")
        if not parted or isinstance(target, ast.Name):
            self._link(_targets(target), self._parts_in(iterable))
        super()._each(target, iterable, source)

    def share_within(self, function: ast.stmt | ast.expr, name: str) -> None:
        """A function of the function's own may change what is around it."""
        for node in ast.walk(function):
            if isinstance(node, ast.Nonlocal):
                self._rebound.update(node.names)
        self._link([name], _changed_within(function))
        self._functions.pop(name, None)
        if isinstance(function, ast.FunctionDef) and _is_plain(function):
            self._functions[name] = function

    def _link(self, names: Iterable[str], others: Iterable[str]) -> None:
        others = [other for other in others if self._may_change(other)]
        for name in names:
            for other in others:
                if name != other and self._may_change(name):
                    self._links.setdefault(name, set()).add(other)
                    self._links.setdefault(other, set()).add(name)

    def _may_change(self, name: str) -> bool:
        things = self._things
        return name in self._rebound or (name in things.own and name not in things.fixed)

    def _parts_in(self, node: ast.expr) -> Iterator[str]:
        """Names whose thing, or a part of it, an expression may give."""
        match node:
            case ast.Name(id=name):
                yield name
            case ast.Attribute(value=part) | ast.Subscript(value=part) | ast.Starred(value=part):
                yield from self._parts_in(part)
            case ast.NamedExpr(value=part) | ast.Await(value=part):
                yield from self._parts_in(part)
            case ast.Lambda():
                yield from _changed_within(node)
            case ast.Call(func=called, args=given, keywords=keywords):
                name = _name_of(called)
                if isinstance(called, ast.Attribute) and name in _VIEWING:
                    yield from self._parts_in(called.value)
                if isinstance(called, ast.Name) and name in self._things.own:
                    yield name  # an object of a class within, with what that has from around it
                if name in _VIEWING or not self._is_librarys(called):
                    for each in (*given, *(keyword.value for keyword in keywords)):
                        yield from self._parts_in(each)
            case ast.IfExp(body=one, orelse=other):
                yield from self._parts_in(one)
                yield from self._parts_in(other)
            case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
                for part in parts:
                    yield from self._parts_in(part)
            case ast.Dict(values=parts):
                for part in parts:
                    yield from self._parts_in(part)

    def suppresses(self, context: ast.expr) -> bool:
        """As of the reader; of the user's own context managers, as they are written."""
        called = context.func if isinstance(context, ast.Call) else context
        return super().suppresses(context) or _name_of(called) in self._things.passing

    # --- what is changed --------------------------------------------------------------------

    def touch(self, subject: ast.expr, made: Made, given: Sequence[ast.expr] = ()) -> None:
        """As of the reader; so is what shares something with it."""
        super().touch(subject, made, given)
        self._spread(self._parts_in(subject), made)

    def _spread(self, names: Iterable[str], made: Made) -> None:
        made = self._decided(made)
        pending, seen = [name for name in names if self._may_change(name)], set[str]()
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending += self._links.get(name, ())
                self.bound[name] = self._name(name) | made

    def run_one(self, node: ast.stmt) -> None:
        """As of the reader; what is taken out of a thing changes it."""
        super().run_one(node)
        if isinstance(node, ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Subscript | ast.Attribute):
                    key = self.value(target.slice) if isinstance(target, ast.Subscript) else NOTHING
                    self.touch(target.value, closed(key))

    def value(self, node: ast.expr) -> Made:
        """As of the reader; a call asks once more for what its parts have given."""
        self._valued[node] = made = super().value(node)
        return made

    def _once(self, node: ast.expr) -> Made:
        """What a part of a call has given, which is not worked out again: calls lie in calls."""
        return closed(self._valued[node] if node in self._valued else self.value(node))

    def _call(self, node: ast.Call) -> Made:
        called = node.func
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        for part in (*arguments, getattr(called, "value", None)):
            self._valued.pop(part, None)
        made = super()._call(node)
        values = [self._once(each) for each in arguments]
        subject = NOTHING
        if (
            isinstance(called, ast.Attribute)
            and _name_of(called.value) not in self._things.libraries
        ):
            subject = self._once(called.value)
        changed = self._changed_by(node)
        for place, argument in enumerate(arguments):
            if place in changed or _is_called(node, place, argument):
                others = subject
                for other, value in enumerate(values):
                    others = others | (value if other != place else NOTHING)
                self._spread(self._parts_in(argument), others)
        is_known = isinstance(called, ast.Name) and called.id in self._functions
        if is_known and self._runs < _MOST_RUNS:
            self._run_within(_name_of(called), node)
        else:
            self._touch_called(called, values)
        return made

    def _run_within(self, name: str, node: ast.Call) -> None:
        """What a function within does to what is around it, read as if it stood where it is called.

        Each parameter stands for the argument in its place; for any, where these are not in places.
        """
        self._runs += 1
        function = self._functions.pop(name)  # while it calls itself it does nothing new
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        values = [self._valued.get(each, NOTHING) for each in arguments]
        parameters = [each.arg for each in function.args.args]
        is_placed = len(node.args) == len(arguments) == len(parameters)
        own = {*parameters, *_bound_in(function)}
        kept = self.left, self.risked, set(self.given), set(self.reads), set(self._rebound)
        self._rebound |= own

        def work() -> Made:
            for place, parameter in enumerate(parameters):
                places = [place] if is_placed else range(len(arguments))
                made = NOTHING
                for each in places:
                    self._link([parameter], self._parts_in(arguments[each]))
                    made = made | values[each]
                self.bound[parameter] = self._decided(made)
            self.run(function.body)
            return NOTHING

        self._inside(own, work)
        self.left, self.risked, self.given, self.reads, self._rebound = kept
        self._functions[name] = function

    def _touch_called(self, called: ast.expr, values: list[Made]) -> None:
        """What a call changes that is not among its arguments."""
        given = NOTHING
        for value in values:
            given = given | value
        if isinstance(called, ast.Name):
            self._spread([called.id], given)
        elif isinstance(called, ast.Attribute) and called.attr not in _READING:
            self._spread(self._parts_in(called.value), given)

    def _changed_by(self, node: ast.Call) -> Iterable[int]:
        """Places of the arguments that a call may change."""
        name, many = _name_of(node.func), len(node.args) + len(node.keywords)
        if not self._is_librarys(node.func):
            return range(many)
        if name in _INTO and len(node.args) > _INTO[name]:
            return [_INTO[name]]
        if self._is_own_method(node.func):
            return ()
        if name in _FIRST or (name.endswith("_") and not name.startswith("_")):
            return range(min(many, 1))
        return ()

    def _is_own_method(self, called: ast.expr) -> bool:
        """Whether a method of something of the function's own is called."""
        root = called
        while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
            root = root.func if isinstance(root, ast.Call) else root.value
        return root is not called and isinstance(root, ast.Name) and root.id in self._things.own

    def _is_librarys(self, called: ast.expr) -> bool:
        """Whether a function is not the user's, as far as its name says."""
        if self._is_own_method(called):
            return True  # of a list, an array; those of the user's things are known otherwise
        while isinstance(called, ast.Attribute | ast.Subscript | ast.Call):
            called = called.func if isinstance(called, ast.Call) else called.value
        if not isinstance(called, ast.Name):
            return True  # a method of a text, or of what an expression gives
        return called.id in self._things.libraries or called.id in _HARMLESS


def _is_called(node: ast.Call, place: int, argument: ast.expr) -> bool:
    """Whether an argument is called, which may change what it belongs to."""
    if isinstance(argument, ast.Lambda) or _name_of(node.func) in _CALLING:
        return True
    if isinstance(argument, ast.Call):
        return _name_of(argument.func) == "partial"
    if isinstance(argument, ast.Attribute):
        return argument.attr in _FIRST
    return place >= len(node.args) and node.keywords[place - len(node.args)].arg in _CALLED


def _is_plain(function: ast.FunctionDef) -> bool:
    """Whether a function is run by its call, with nothing but what that gives it."""
    given = function.args
    is_simple = not (given.defaults or given.kwonlyargs or given.vararg or given.kwarg)
    later = (ast.Yield, ast.YieldFrom)
    return is_simple and not (
        function.decorator_list or any(isinstance(each, later) for each in ast.walk(function))
    )


def _bound_in(function: ast.FunctionDef) -> set[str]:
    """Names of a function's own that it binds."""
    nodes = list(ast.walk(function))
    around = {
        name for node in nodes if isinstance(node, ast.Nonlocal | ast.Global) for name in node.names
    }
    stored = {
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    return stored - around


def _name_of(called: ast.expr) -> str:
    return str(getattr(called, "attr", "") or getattr(called, "id", ""))


def _targets(target: ast.expr) -> list[str]:
    return [each.id for each in ast.walk(target) if isinstance(each, ast.Name)]


def _changed_within(code: ast.AST) -> set[str]:
    """Names whose things code may change that stands in a function: what it has from around it."""
    found: set[str] = set()
    for node in ast.walk(code):
        match node:
            case ast.Nonlocal(names=names):
                found.update(names)
            case ast.arguments(defaults=placed, kw_defaults=named):
                given = [each for each in (*placed, *named) if each is not None]
                found.update(each.id for part in given for each in _names(part))
            case ast.Assign(value=ast.Name(id=name)) | ast.NamedExpr(value=ast.Name(id=name)):
                found.add(name)  # what it changes by another name
            case ast.Call(func=called, args=given):
                parts = [*given, called]
                found.update(each.id for part in parts for each in _names(part))
            case ast.Subscript(ctx=ast.Store() | ast.Del(), value=subject):
                found.update(each.id for each in _names(subject))
            case ast.Attribute(ctx=ast.Store() | ast.Del(), value=subject):
                found.update(each.id for each in _names(subject))
    return found


def _names(node: ast.expr) -> Iterator[ast.Name]:
    return (each for each in ast.walk(node) if isinstance(each, ast.Name))
