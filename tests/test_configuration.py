"""``governed.toml``: what it may say, and how a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.configuration import parse, read
from governed_kernel.errors import ConfigurationError
from governed_kernel.governance.templates import template_folder

PLACE = Path("governed.toml")
GOOD = """\
[workspace]
name = "triage"

[approvals.run]
required = 3
roles = ["reviewer", "legal"]

[run]
threads = 4
"""


def test_what_is_not_said_has_a_default_that_works() -> None:
    settings = parse('[workspace]\nname = "x"\n', PLACE)
    assert settings.approvals.run.required == 2
    assert settings.run.without_witness is False
    assert "production" in settings.deployment.environments


def test_what_is_said_counts_and_changes_the_policys_digest() -> None:
    settings = parse(GOOD, PLACE)
    assert settings.approvals.run.roles == ("reviewer", "legal")
    assert settings.run.threads == 4
    other = parse(GOOD.replace("required = 3", "required = 1"), PLACE)
    assert settings.policy_digest() != other.policy_digest()


def test_comments_and_order_do_not_change_the_policys_digest() -> None:
    lines = "# a remark\n" + GOOD.replace("threads = 4", "threads = 4 # four")
    assert parse(lines, PLACE).policy_digest() == parse(GOOD, PLACE).policy_digest()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[workspace\n", 1),
        (GOOD.replace("threads = 4", "threads = four"), 9),
        (GOOD.replace("threads = 4", "threads = 0"), 9),
        (GOOD.replace("threads = 4", 'threads = "4"'), 9),
        (GOOD.replace("required = 3", "required = 0"), 5),
        (GOOD.replace("required = 3", "require = 3"), 5),
        (GOOD + '\n[clases.mine]\ndescription = "x"\n', 11),
        (GOOD + "\n[classes.mine]\npurposes = 3\n", 12),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError, match=f"line {line}:") as told:
        parse(text, PLACE)
    assert told.value.exit_code == 2
    assert told.value.next


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="could not be read"):
        read(tmp_path / "governed.toml")


@pytest.mark.parametrize("template", ["workspace", "example"])
def test_the_shipped_files_are_valid(template: str) -> None:
    read(template_folder(template) / "governed.toml")
