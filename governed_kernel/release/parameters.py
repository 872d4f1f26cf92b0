"""The typed parameters of a release: read from the notebook, checked before anything runs.

A ``parameters`` cell is a list of assignments of literals, each with a comment that says what
values are allowed::

    epochs: int = 3               # 1..5: passes over the training records
    learning_rate: float = 5e-4   # 1e-5..1e-2: step size of AdamW
    attention: str = "eager"      # one of eager, sdpa: attention implementation
    balanced: bool = True         # weight the classes equally

Names reach the kernel as code, so a name must be an identifier of the approved schema; values
must have the type and lie in the range that were approved.
"""

from __future__ import annotations

import ast
import io
import keyword
import math
import re
import tokenize
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from governed_kernel.errors import ParameterRefused, UsageError

__all__ = ["Bounds", "Parameter", "Value", "bounded", "read_schema", "resolve"]

Value = int | float | bool | str
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"^\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*(.*))?$")
_CHOICES = re.compile(r"^\s*one of\s+([^:]+?)\s*(?::\s*(.*))?$")


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a release's approved schema."""

    name: str
    type: Literal["int", "float", "bool", "str"]
    default: Value
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: list[str] = []
    description: str = ""

    @property
    def bounds(self) -> str:
        """The allowed values, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.minimum is not None:
            return f"{self.minimum}..{self.maximum}"
        return "true or false" if self.type == "bool" else "any"

    @property
    def is_bounded(self) -> bool:
        """Whether every allowed value was said: an approval of "anything" approves nothing."""
        return self.type == "bool" or bool(self.choices) or self.minimum is not None

    def check(self, value: Value) -> Value:
        """Return `value` if the schema allows it.

        Raises
        ------
        ParameterRefused
            It has another type or lies outside the bounds.
        """
        types: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
        if self.type == "float" and type(value) is int:
            value = float(value)
        if type(value) is not types[self.type]:
            raise self._refused(value, f"it is {type(value).__name__}, not {self.type}")
        if isinstance(value, float) and not math.isfinite(value):
            raise self._refused(value, "it is not a finite number")
        if self.choices and value not in self.choices:
            raise self._refused(value, "it is not among the approved values")
        if self.minimum is not None and self.maximum is not None:
            assert not isinstance(value, str)
            if not self.minimum <= value <= self.maximum:
                raise self._refused(value, "it lies outside the approved range")
        return value

    def parse(self, text: str) -> Value:
        """The value that `text` from a command line stands for, checked."""
        value: Value
        try:
            if self.type == "bool":
                value = {"true": True, "false": False}[text.strip().lower()]
            elif self.type == "int":
                if not re.fullmatch(r"[-+]?\d{1,18}", text.strip()):
                    raise ValueError
                value = int(text)
            elif self.type == "float":
                if not re.fullmatch(_NUMBER, text.strip()):
                    raise ValueError
                value = float(text)
            else:
                value = text
        except (KeyError, ValueError):
            raise self._refused(text, f"it does not read as {self.type}") from None
        return self.check(value)

    def _refused(self, value: Value, why: str) -> ParameterRefused:
        return ParameterRefused(
            f"parameter {self.name} = {value!r} is refused",
            why=why,
            next=f"{self.name} was approved as {self.type}, {self.bounds}; "
            "another range needs a new version with new approvals",
        )


class Bounds(msgspec.Struct, frozen=True):
    """What a person says a parameter may be; numbers as they typed them."""

    minimum: str = ""
    maximum: str = ""
    choices: list[str] = []
    description: str = ""

    @property
    def comment(self) -> str:
        """How a ``parameters`` cell says it."""
        said = ""
        if self.choices:
            said = "one of " + ", ".join(self.choices)
        elif self.minimum.strip() or self.maximum.strip():
            said = f"{self.minimum.strip()}..{self.maximum.strip()}"
        # a comment ends with its line: nothing that was typed may become code
        return " ".join(": ".join(filter(None, (said, self.description))).split())


def bounded(source: str, said: Mapping[str, Bounds]) -> str:
    """A ``parameters`` cell with other bounds: the comments of these parameters, written anew.

    Raises
    ------
    UsageError
        The cell is no schema, has no such parameter, or would not say what was asked for.
    """
    known = {parameter.name: parameter for parameter in read_schema(source)}
    lines = source.split("\n")
    ends = {
        token.start[0]: token.start[1]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    for statement in ast.parse(source).body:
        assert isinstance(statement, ast.Assign | ast.AnnAssign)  # a schema has no others
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        assert isinstance(target, ast.Name)
        if target.id in said:
            last = statement.end_lineno or statement.lineno
            code = lines[last - 1][: ends.get(last)].rstrip()
            comment = said[target.id].comment
            lines[last - 1] = f"{code}  # {comment}" if comment else code
    written = "\n".join(lines)
    found = {parameter.name: parameter for parameter in read_schema(written)}
    for name, bounds in said.items():
        if name not in known:
            raise UsageError(
                f"the cell has no parameter {name}",
                why="it assigns to no such name",
                next="check the notebook again",
            )
        wants_range = bool(bounds.minimum.strip() or bounds.maximum.strip())
        if wants_range != (found[name].minimum is not None) or (
            [choice.strip() for choice in bounds.choices] != found[name].choices
        ):
            raise UsageError(
                f"{bounds.comment!r} does not bound {name}",
                why=f"{name} is {found[name].type}: numbers take a smallest and a largest value, "
                "texts take choices without commas and colons",
                next="say both ends of the range, or name every choice",
            )
    return written


def read_schema(source: str) -> list[Parameter]:
    """The parameters that a ``parameters`` cell declares.

    Raises
    ------
    UsageError
        The cell holds anything but assignments of literals to plain names.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise _not_a_schema(error.lineno or 1, f"it does not parse: {error.msg}") from error
    comments = _comments(source)
    return [_parameter(statement, comments) for statement in tree.body]


def resolve(
    schema: Sequence[Parameter], given: Mapping[str, Value], texts: Sequence[tuple[str, str]] = ()
) -> dict[str, Value]:
    """Every parameter's value: the defaults, replaced by what was given, all checked.

    Parameters
    ----------
    given : mapping
        Typed values (from a stored run).
    texts : sequence of (name, text)
        Values from a command line.

    Raises
    ------
    ParameterRefused
        A name is not in the schema, or a value is not allowed.
    """
    known = {parameter.name: parameter for parameter in schema}
    for name in [*given, *(name for name, _ in texts)]:
        if name not in known:
            raise ParameterRefused(
                f"parameter {name!r} is refused",
                why="the approved schema has no parameter of that name",
                next="use one of: " + (", ".join(known) or "none, this release has no parameters"),
            )
    values = {name: parameter.check(parameter.default) for name, parameter in known.items()}
    values.update({name: known[name].check(value) for name, value in given.items()})
    values.update({name: known[name].parse(text) for name, text in texts})
    return values


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _parameter(statement: ast.stmt, comments: Mapping[int, str]) -> Parameter:
    target: ast.expr
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, node = statement.target, statement.value
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, node = statement.targets[0], statement.value
    else:
        raise _not_a_schema(statement.lineno, "it is not one assignment")
    if not isinstance(target, ast.Name) or keyword.iskeyword(target.id):
        raise _not_a_schema(statement.lineno, "it does not assign to a plain name")
    try:
        default = ast.literal_eval(node)
    except ValueError:
        raise _not_a_schema(statement.lineno, f"{target.id} is not a literal") from None
    kind = type(default).__name__
    if isinstance(statement, ast.AnnAssign):
        annotated = ast.unparse(statement.annotation)
        if annotated == "float" and kind == "int":
            default, kind = float(default), "float"
        if annotated != kind:
            raise _not_a_schema(
                statement.lineno, f"{target.id} is declared {annotated} and is {kind}"
            )
    if kind not in ("int", "float", "bool", "str"):
        raise _not_a_schema(statement.lineno, f"{target.id} is {kind}, not int, float, bool or str")
    last = statement.end_lineno or statement.lineno
    return _bounded(target.id, kind, default, comments.get(last, ""), statement.lineno)


def _bounded(name: str, kind: Any, default: Value, comment: str, line: int) -> Parameter:
    found = _RANGE.match(comment)
    if found and kind in ("int", "float"):
        number = int if kind == "int" else float
        try:
            low, high = number(found.group(1)), number(found.group(2))
        except ValueError:
            raise _not_a_schema(line, f"the range of {name} is not made of {kind}s") from None
        text = (found.group(3) or "").strip()
        parameter = Parameter(name, kind, default, minimum=low, maximum=high, description=text)
    elif (found := _CHOICES.match(comment)) and kind == "str":
        choices = [choice.strip().strip("\"'") for choice in found.group(1).split(",")]
        text = (found.group(2) or "").strip()
        parameter = Parameter(name, kind, default, choices=choices, description=text)
    else:
        parameter = Parameter(name, kind, default, description=comment)
    try:
        parameter.check(default)
    except ParameterRefused as error:
        raise _not_a_schema(line, f"the default of {name} is not allowed: {error.why}") from error
    return parameter


def _not_a_schema(line: int, why: str) -> UsageError:
    return UsageError(
        f"line {line} of the parameters cell can't be a parameter",
        why=why,
        next="write 'name: int = 3  # 1..5: what it means', one parameter a line, literals only",
    )
