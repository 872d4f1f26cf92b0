"""Observe a Python function in place, without a wrapper and without another frame.

A wrapper would break code that looks at its caller's frame (``df.query("@v")``), signatures,
pickling and the stack levels of warnings. So the function object stays and gets a new
``__code__``, compiled from its own source with three calls added: one on entry, one around each
returned value, one when an exception passes. Inside another observed call they are passed over,
which makes a library's calls of itself cheap. They are reached through ``co_consts``, so no global
name is needed. The token that ties them together is a local variable whose name no source can
spell, and ``locals()`` inside the function doesn't show it.
"""

from __future__ import annotations
import __future__

import ast
import functools
import inspect
import linecache
import sys
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from governed_kernel.capture.unwinding import leave_where_raised

__all__ = ["Hooks", "Kept", "NotRewritable", "argument_names", "outermost_function", "rewrite"]

_TOKEN, _FUNCTION = "@governed", "@function"
_ENTER, _LEAVE, _FAIL, _LOCALS, _STATE = "@enter", "@leave", "@fail", "@locals", "@state"
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Yield)
_LOOKING = ("vars", "dir", "eval", "exec")
_rewritten: weakref.WeakSet[types.FunctionType] = weakref.WeakSet()
_NOT_PLAIN = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Kept(Protocol):
    """Remembers what was rewritten, from one process to the next."""

    def key(self, code: types.CodeType, outermost: bool) -> bytes:
        """What names a program and the way to rewrite it."""

    def get(self, key: bytes) -> types.CodeType | None:
        """What was put under that name."""

    def put(self, key: bytes, code: types.CodeType) -> None:
        """Remember it."""


kept: Kept | None = None
"""Where rewritten code is looked for first; nowhere when None."""


class NotRewritable(Exception):
    """The function can't be observed this way: the message says why."""


class Hooks(NamedTuple):
    """What is called from inside an observed function."""

    enter: Callable[[tuple[Any, ...]], Any]
    """Takes the arguments in the order of `argument_names`; returns a token, or None."""
    leave: Callable[[Any, Any], Any]
    """Takes the token and the value that is returned; returns that value."""
    fail: Callable[[Any], None]
    """Takes the token; the exception goes on."""
    state: Any = None
    """Where its ``call`` is not None nothing is called; None to be called always."""


def argument_names(function: types.FunctionType) -> tuple[str, ...]:
    """Names in the order in which `Hooks.enter` gets the values, ``*`` and ``**`` last."""
    return _parameters(function.__code__)


def _parameters(code: types.CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[:count]


def outermost_function(owner: Any, name: str) -> types.FunctionType | None:
    """The Python function that runs first when ``owner.name`` is used; None for native code."""
    found = inspect.getattr_static(owner, name, None)
    if isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    elif isinstance(found, property):
        found = found.fget
    return found if isinstance(found, types.FunctionType) else None


def rewrite(function: types.FunctionType, hooks: Hooks) -> None:
    """Give `function` a code that calls `hooks`; of a generator only ``enter``, when it starts.

    Raises
    ------
    NotRewritable
        Coroutines, lambdas, functions without source, or whose source is not what
        runs.
    """
    code = function.__code__
    if code.co_flags & _NOT_PLAIN:
        raise NotRewritable(f"{function.__qualname__} is a coroutine")
    if function in _rewritten:
        raise NotRewritable(f"{function.__qualname__} is observed already")
    compiled = _prepared(code, hooks.state is not None)
    found = {_ENTER: hooks.enter, _LEAVE: hooks.leave, _FAIL: hooks.fail, _LOCALS: _visible_locals}
    found[_STATE] = hooks.state
    function.__code__ = _finished(
        compiled,
        found,
        code.co_firstlineno - 2,
        code.co_name,
        code.co_qualname,
    )
    _rewritten.add(function)


# Decorators and dispatchers make many functions of one code.
@functools.lru_cache(maxsize=16)
def _prepared(code: types.CodeType, outermost: bool) -> types.CodeType:
    """The code with placeholders for hooks."""
    key = kept.key(code, outermost) if kept is not None else b""
    if kept is not None and (known := kept.get(key)) is not None:
        return known
    definition = _definition(code)
    _inject(definition, code, outermost)
    compiled = leave_where_raised(_compile(definition, code), _FAIL)
    _same_program(code, compiled)
    if kept is not None:
        kept.put(key, compiled)
    return compiled


def _visible_locals() -> dict[str, Any]:
    """``locals()`` as the function's author knows it."""
    # A copy: on 3.11 the dictionary itself belongs to the frame.
    return {name: value for name, value in sys._getframe(1).f_locals.items() if name != _TOKEN}


def _definition(code: types.CodeType) -> ast.FunctionDef:
    """The function's syntax tree; its first line is line 2."""
    lines = linecache.getlines(code.co_filename)
    if not lines:
        raise NotRewritable(f"{code.co_qualname} has no source")
    start = code.co_firstlineno
    # The last lines of a function may make no code (a comment, ``pass``, a dead branch): what the
    # positions say is a lower bound, and the source's own block the slower answer.
    blocks: tuple[Callable[[], list[str]], ...] = (
        lambda: lines[start - 1 : max(_last_line(code), start)],
        lambda: list(inspect.getblock(lines[start - 1 :])),
    )
    for cut in blocks:
        block = cut()
        indented = block[0][:1] in (" ", "\t")
        try:
            body = ast.parse(("if 1:\n" if indented else "\n") + "".join(block)).body
        except SyntaxError:
            continue
        if indented and body and isinstance(body[0], ast.If):
            body = body[0].body
        found = body[0] if body else None
        if isinstance(found, ast.FunctionDef) and found.name == code.co_name:
            return found
    raise NotRewritable(f"{code.co_qualname} is not defined by a def statement")


def _last_line(code: types.CodeType) -> int:
    last = max((end for _, end, _, _ in code.co_positions() if end is not None), default=0)
    inner = [_last_line(item) for item in code.co_consts if isinstance(item, types.CodeType)]
    return max([last, *inner])


def _placed(node: Any, place: ast.AST) -> Any:
    """`node` and the nodes made with it, at the position of an existing one."""
    for made in ast.walk(node):
        if not hasattr(made, "lineno"):
            ast.copy_location(made, place)
    return node


def _call(hook: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Constant(hook), list(arguments), [])


def _token() -> ast.Name:
    return ast.Name(_TOKEN, ast.Load())


def _left(value: ast.expr, place: ast.AST) -> ast.expr:
    """``value`` sent through the hook; the expression is there twice, and evaluated once."""
    sent = _placed(_call(_LEAVE, _token()), place)
    sent.args.append(value)
    if any(isinstance(part, _SCOPES) for part in ast.walk(value)):
        return sent  # type: ignore[no-any-return]  # a scope of its own has one code object
    unseen = ast.Compare(_token(), [ast.Is()], [ast.Constant(None)])
    return ast.IfExp(_placed(unseen, place), value, sent, **_position(place))


def _position(place: Any) -> dict[str, int]:
    names = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    return {name: getattr(place, name) for name in names}


def _send_returns(statements: list[ast.stmt]) -> None:
    """Send each value that these statements return through the hook."""
    for statement in statements:
        if isinstance(statement, ast.Return):
            value = statement.value or _placed(ast.Constant(None), statement)
            statement.value = _left(value, statement)
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for name in ("body", "orelse", "finalbody"):
                _send_returns(getattr(statement, name, []))
            for part in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
                _send_returns(part.body)


class _OwnVariables(ast.NodeTransformer):
    """Lets ``locals()`` see what the author knows; gives up where a name could be looked up."""

    def _leave_alone(self, node: Any) -> Any:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _leave_alone  # noqa: N815 - ast's own names
    visit_Lambda = visit_ClassDef = visit_GeneratorExp = _leave_alone  # noqa: N815
    if sys.version_info < (3, 12):
        # Until then a comprehension has a frame, and so variables, of its own.
        visit_ListComp = visit_SetComp = visit_DictComp = _leave_alone  # noqa: N815

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "locals":
            call: ast.AST = _placed(_call(_LOCALS), node)
            return call
        if name in _LOOKING and not (name in ("vars", "dir") and node.args):
            raise NotRewritable(f"it looks at its own variables with {name}()")
        return node


class _OwnReferences(ast.NodeTransformer):
    """Lets ``sys.getrefcount`` count as if nothing of ours held the arguments meanwhile.

    pandas tells by it whether what it is called on is a temporary thing, and warns.
    """

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        counts = isinstance(node.func, ast.Attribute) and node.func.attr == "getrefcount"
        if not counts or not all(isinstance(thing, ast.Name) for thing in node.args):
            return node  # what an argument holds itself is not held by us
        held = _placed(ast.Compare(_token(), [ast.IsNot()], [ast.Constant(None)]), node)
        return ast.BinOp(node, ast.Sub(), held, **_position(node))


def _inject(definition: ast.FunctionDef, code: types.CodeType, outermost: bool) -> None:
    definition.decorator_list = []
    body, docstring = definition.body, []
    if ast.get_docstring(definition, clean=False) is not None:
        docstring, body = body[:1], body[1:]
    if not {"locals", *_LOOKING}.isdisjoint(code.co_names):
        body = [_OwnVariables().visit(statement) for statement in body]
    if "getrefcount" in code.co_names:
        body = [_OwnReferences().visit(statement) for statement in body]
    generator = bool(code.co_flags & inspect.CO_GENERATOR)
    if not generator:
        _send_returns(body)
    first, last = (body or docstring)[0], (body or docstring)[-1]
    names = _parameters(code)
    values = ast.Tuple([ast.Name(name, ast.Load()) for name in names], ast.Load())
    entered: ast.expr = _call(_ENTER, values)
    if outermost:
        inside = ast.Attribute(ast.Constant(_STATE), "call", ast.Load())
        free = ast.Compare(inside, [ast.Is()], [ast.Constant(None)])
        entered = ast.IfExp(free, entered, ast.Constant(None))
    enter = ast.Assign([ast.Name(_TOKEN, ast.Store())], entered)
    end = ast.copy_location(ast.Return(_left(_placed(ast.Constant(None), last), last)), last)
    handler = ast.ExceptHandler(None, None, [ast.Expr(_call(_FAIL, _token())), ast.Raise()])
    _placed(handler, last)
    guarded = ast.copy_location(ast.Try([*body, end], [handler], [], []), first)
    guarded_body: list[ast.stmt] = body if generator else [guarded]
    definition.body = [*docstring, _placed(enter, first), *guarded_body]
    # Annotations and defaults belong to the function object, which stays.
    definition.returns = None
    arguments = definition.args
    everything = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in [*everything, arguments.vararg, arguments.kwarg]:
        if argument is not None:
            argument.annotation = None
    none = ast.copy_location(ast.Constant(None), definition)
    arguments.defaults = [none for _ in arguments.defaults]
    arguments.kw_defaults = [item and none for item in arguments.kw_defaults]


def _compile(definition: ast.FunctionDef, code: types.CodeType) -> types.CodeType:
    """Compile inside a factory whose arguments become the free variables."""
    # A name of its own, or the function's name would become a free variable of its body.
    definition.name = _FUNCTION
    # Its decorators are gone, but positions count from the first of them.
    definition.lineno = 2
    factory = ast.parse("def factory(): pass").body[0]
    assert isinstance(factory, ast.FunctionDef)
    factory.args.args = [_placed(ast.arg(name), factory) for name in code.co_freevars]
    factory.body = [definition]
    owner = _class_with_private_names(code)
    outermost: list[ast.stmt] = [factory]
    if owner:
        # Inside a class of that name the compiler spells private names as it did the first time.
        around = ast.parse(f"class {owner}: pass").body[0]
        assert isinstance(around, ast.ClassDef)
        around.body = [factory]
        outermost = [around]
    flags = code.co_flags & __future__.annotations.compiler_flag
    module = ast.Module(outermost, [])
    try:
        # Calling a constant looks like a mistake to the compiler, and so may the library's code.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise NotRewritable(f"{code.co_qualname} does not compile: {error}") from error
    if owner:
        compiled = _inner(compiled, owner)
    return _inner(_inner(compiled, "factory"), _FUNCTION)


def _class_with_private_names(code: types.CodeType) -> str:
    """The class that a method with names like ``self.__state`` was defined in."""
    *_, owner, _ = ["", "", *code.co_qualname.split(".")]
    spelled = f"_{owner.lstrip('_')}__"
    return owner if owner.isidentifier() and _mentions(code, spelled) else ""


def _mentions(code: types.CodeType, beginning: str) -> bool:
    names = (*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars)
    inner = [item for item in code.co_consts if isinstance(item, types.CodeType)]
    return any(name.startswith(beginning) for name in names) or any(
        _mentions(item, beginning) for item in inner
    )


def _finished(
    compiled: types.CodeType, found: dict[str, Any], offset: int, name: str, qualname: str
) -> types.CodeType:
    """With the hooks for their placeholders, and the lines and names of the original."""
    constants: list[Any] = []
    for constant in compiled.co_consts:
        if isinstance(constant, types.CodeType):
            inner = qualname + constant.co_qualname.partition(f"factory.<locals>.{_FUNCTION}")[2]
            constants.append(_finished(constant, {}, offset, constant.co_name, inner))
        else:
            constants.append(found.get(constant, constant) if type(constant) is str else constant)
    return compiled.replace(
        co_consts=tuple(constants),
        co_firstlineno=compiled.co_firstlineno + offset,
        co_name=name,
        co_qualname=qualname,
    )


def _inner(code: types.CodeType, name: str) -> types.CodeType:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and constant.co_name == name:
            return constant
    raise NotRewritable(f"{name} was compiled away")


def _same_program(old: types.CodeType, new: types.CodeType) -> None:
    """Refuse when the source on disk is not what runs (an edited file, a generated function)."""
    if new.co_freevars != old.co_freevars:
        raise NotRewritable(f"{old.co_qualname} closes over other names than its source says")
    count = old.co_argcount + old.co_kwonlyargcount
    if (old.co_argcount, old.co_posonlyargcount, old.co_kwonlyargcount) != (
        new.co_argcount,
        new.co_posonlyargcount,
        new.co_kwonlyargcount,
    ) or old.co_varnames[:count] != new.co_varnames[:count]:
        raise NotRewritable(f"{old.co_qualname} takes other arguments than its source says")
    ours = {"locals", "call"}
    if (set(old.co_names) ^ set(new.co_names)) - ours or not set(old.co_varnames) <= set(
        new.co_varnames
    ):
        raise NotRewritable(f"{old.co_qualname} is not the program of its source")
