"""The use-case card: read with the line of each mistake, and bound in one form."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governed_kernel.errors import ConfigurationError
from governed_kernel.governance.templates import template_folder
from governed_kernel.release import intake
from governed_kernel.release.intake import Card, ModelCard, UseCase
from governed_kernel.workspace import Workspace

CLASSES = """
[workspace]
name = "Risks"
[risk_classes.low]
[risk_classes.high]
suites = ["suites/thorough"]
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "governed.toml").write_text(CLASSES)
    return Workspace.open(tmp_path)


def test_the_template_is_a_card_whose_every_field_is_missing_with_its_line() -> None:
    path = template_folder("cards") / intake.CARD
    text = path.read_text()
    found = intake.missing(intake.parse(text, path), text)
    assert [item.field for item in found] == list(intake.FIELDS)
    lines = text.splitlines()
    for item in found:
        assert lines[item.line - 1].startswith(item.field.partition(".")[2])


@pytest.mark.parametrize(
    ("said", "is_missing"),
    [
        *(
            (nothing, True)
            for nothing in ("", " \n", "TODO", "todo: ", "<TBD>", "tbd", "…", "?", "xxx")
        ),
        *(
            (nothing, True)
            for nothing in ("____", "TODO: ask\nAnn", "tbd - Ann", "TODO(ann): who?", "_tbd_")
        ),
        *(
            (said, False)
            for said in ("x", "none", "n/a: no rules apply", "To do triage", "Tbilisi", "TBC-7")
        ),
    ],
)
def test_a_mark_to_be_filled_in_is_no_answer(said: str, is_missing: bool) -> None:
    found = [item.field for item in intake.missing(Card(UseCase(regime=said)))]
    assert ("use_case.regime" in found) == is_missing


def test_a_risk_class_that_is_not_there_is_known_before_a_promotion(workspace: Workspace) -> None:
    assert intake.unknown_class(workspace, Card(UseCase(risk_class="enormous"))) == "enormous"
    assert not intake.unknown_class(workspace, Card(UseCase(risk_class="high")))
    assert not intake.unknown_class(workspace, Card())


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ('[use_case]\ndecision = "x"\nowner = "y"\n', 3, "owner"),
        ("[use_case]\nregime = 3\n", 2, "Expected `str`"),
        ('[model_card]\n\ncontact = "' + "x" * 4001 + '"\n', 3, "4000"),
        ('[use_case]\ndecision = "x\n', 2, "line 2"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(text: str, line: int, why: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"sour.toml, line {line}: ") as error:
        intake.parse(text, Path("cards/sour.toml"))
    assert why in error.value.why


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(decision=words, regime=words, contact=words)
def test_whatever_people_write_is_bound_and_read_back(
    decision: str, regime: str, contact: str
) -> None:
    card = Card(UseCase(decision=decision, regime=regime), ModelCard(contact=contact))
    data = intake.encode(card)
    read = intake.parse(data.decode(), Path(intake.CARD))
    assert read == card
    assert intake.encode(read) == data


def test_every_finding_says_what_is_missing_and_how_to_say_it(workspace: Workspace) -> None:
    _, found = intake.examine(workspace, "sour")
    assert {item.code for item in found} == {"card-field-missing"}
    assert [item.what for item in found] == [f"nobody said {field}" for field in intake.FIELDS]
    fields = [(field, "said") for field in intake.FIELDS if field != "model_card.contact"]
    _, (contact, risk) = intake.examine(workspace, "sour", fields=fields)
    assert "--field model_card.contact TEXT" in contact.next
    assert (risk.code, risk.severity) == ("unknown-risk-class", "blocking")
    assert "low, high" in risk.why


def test_a_risk_class_asks_for_its_suites(workspace: Workspace) -> None:
    fields = [(field, "said") for field in intake.FIELDS if field != "use_case.risk_class"]
    high = [*fields, ("use_case.risk_class", "high")]
    _, (found,) = intake.examine(workspace, "sour", fields=high, suites=["suites/quick"])
    assert found.code == "suite-missing"
    assert intake.examine(workspace, "sour", fields=high, suites=["suites/thorough"])[1] == []


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ([("model_card.colour", "red")], "no field 'model_card.colour'"),
        ([("model_card.contact", "x\x1b[2J")], "that can't be said of model_card.contact"),
        ([("model_card.contact", "x" * 4001)], "that can't be said of model_card.contact"),
    ],
)
def test_what_is_no_field_or_no_text_is_refused(
    workspace: Workspace, fields: list[tuple[str, str]], what: str
) -> None:
    _, (found,) = intake.examine(workspace, "sour", fields=fields)
    assert what in found.what
