"""The parameters cell and the approved schema."""

from __future__ import annotations

import pytest

from governed_kernel.errors import ParameterRefused, UsageError
from governed_kernel.release.parameters import Bounds, Parameter, bounded, read_schema, resolve

CELL = """
epochs: int = 3             # 1..5: passes over the records
learning_rate: float = 5e-4  # 1e-5..1e-2: step size
attention: str = "eager"    # one of eager, sdpa: attention
balanced: bool = True       # weigh the classes
"""


@pytest.fixture
def schema() -> list[Parameter]:
    return read_schema(CELL)


def test_a_parameters_cell_gives_types_defaults_bounds_and_descriptions(
    schema: list[Parameter],
) -> None:
    assert schema == [
        Parameter("epochs", "int", 3, 1, 5, description="passes over the records"),
        Parameter("learning_rate", "float", 5e-4, 1e-5, 1e-2, description="step size"),
        Parameter("attention", "str", "eager", choices=["eager", "sdpa"], description="attention"),
        Parameter("balanced", "bool", True, description="weigh the classes"),
    ]
    assert all(parameter.is_bounded for parameter in schema)


def test_a_number_without_a_range_is_not_bounded() -> None:
    assert not read_schema("epochs = 3  # passes")[0].is_bounded


def test_given_values_replace_defaults_in_the_schemas_order(schema: list[Parameter]) -> None:
    values = resolve(schema, {"balanced": False}, [("epochs", "4"), ("learning_rate", "1e-3")])
    assert list(values.items()) == [
        ("epochs", 4),
        ("learning_rate", 1e-3),
        ("attention", "eager"),
        ("balanced", False),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("epochs", "6"),
        ("epochs", "0"),
        ("epochs", "3.0"),
        ("epochs", "three"),
        ("epochs", "9" * 400),
        ("epochs", "1_0"),
        ("learning_rate", "nan"),
        ("learning_rate", "inf"),
        ("learning_rate", "0.5"),
        ("attention", "flash"),
        ("attention", '"; import os'),
        ("balanced", "maybe"),
        ("unknown", "1"),
        ("import os;os.system('true');epochs", "3"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused(
    schema: list[Parameter], name: str, text: str
) -> None:
    with pytest.raises(ParameterRefused) as refusal:
        resolve(schema, {}, [(name, text)])
    assert refusal.value.why
    assert refusal.value.next
    assert refusal.value.exit_code == 3


def test_a_stored_value_of_another_type_is_refused(schema: list[Parameter]) -> None:
    with pytest.raises(ParameterRefused):
        resolve(schema, {"epochs": True})
    with pytest.raises(ParameterRefused):
        resolve(schema, {"epochs": "3"})


@pytest.mark.parametrize(
    "cell",
    [
        "import os",
        "epochs = len('x')",
        "a = b = 3",
        "a.b = 3",
        "a: int = 2.5",
        "a = [1, 2]",
        "a = 9  # 1..5: outside its own range",
        "a = (",
    ],
)
def test_a_cell_of_anything_but_literals_is_no_parameters_cell(cell: str) -> None:
    with pytest.raises(UsageError, match="line 1"):
        read_schema(cell)


def test_bounds_that_a_person_typed_become_the_comments_of_the_cell() -> None:
    source = "epochs: int = 3\nrate = 5e-4  # old\nmode: str = (\n    'a#b'\n)\nbalanced = True"
    written = bounded(
        source,
        {
            "epochs": Bounds("1", " 5 ", description="passes\nover all"),
            "rate": Bounds("1e-5", "1e-2"),
            "mode": Bounds(choices=["a#b", "c"], description="how"),
        },
    )
    assert written == (
        "epochs: int = 3  # 1..5: passes over all\nrate = 5e-4  # 1e-5..1e-2\n"
        "mode: str = (\n    'a#b'\n)  # one of a#b, c: how\nbalanced = True"
    )
    assert [item.bounds for item in read_schema(written)] == [
        *("1..5", "1e-05..0.01", "one of a#b, c", "true or false")
    ]


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("epochs", Bounds("1", "")),
        ("epochs", Bounds("4", "9")),
        ("epochs", Bounds("1", "5\nimport os")),
        ("epochs", Bounds("1", "5\nmore = 1")),
        ("epochs", Bounds(choices=["3"])),
        ("mode", Bounds("1", "2")),
        ("mode", Bounds(choices=["a", "b: c"])),
        ("nothing", Bounds("1", "2")),
    ],
)
def test_bounds_that_the_cell_could_not_say_are_refused(name: str, bounds: Bounds) -> None:
    with pytest.raises(UsageError):
        bounded("epochs: int = 3\nmode = 'a'", {name: bounds})
