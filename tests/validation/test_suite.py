from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.errors import ConfigurationError, IntegrityBroken, UnknownName
from governed_kernel.validation import read_suite, suite_digest, suite_files
from tests.validation.suites import SUITE, write_suite


def line_of(text: str) -> int:
    return SUITE[: SUITE.index(text)].count("\n") + 1


def test_a_suite_names_its_inputs_and_what_must_pass(tmp_path: Path) -> None:
    suite = read_suite(write_suite(tmp_path / "berries"))
    assert suite.inputs == ("berries-holdout", "tiny")
    assert suite.blocking == [
        "records",
        "recall-sour",
        "brier-score",
        "deep-red",
        "order",
        "moved-tensors",
        "base-model",
    ]
    assert suite.tolerance.weights == 0.001


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("minimum = 0.7", "minimum = 1.7", "<= 1.0"),
        ("minimum = 0.7", "minimun = 0.7", "minimun"),
        ('kind = "monotonic"', 'kind = "hopeful"', "hopeful"),
        ("minimum_records = 4", 'minimum_records = "4"', "Expected `int`"),
        ('class = "sour"', 'class = "bitter"', "'bitter' is none of the classes"),
        ('expected = "sweet"', 'expected = "bitter"', "'bitter' is none of the classes"),
        ('id = "order"', 'id = "recall-sour"', "is taken"),
        ('id = "order"', 'id = "base-model"', "is taken (or reserved)"),
        ("maximum = 0.5", "maximum = = 0.5", "Invalid value"),
        ("weights = 0.001", "weights = nan", "weights"),
    ],
)
def test_a_mistake_is_refused_with_its_reason(
    right: str, wrong: str, said: str, tmp_path: Path
) -> None:
    folder = write_suite(tmp_path / "berries", SUITE.replace(right, wrong, 1))
    with pytest.raises(ConfigurationError) as refusal:
        read_suite(folder)
    assert said in refusal.value.why
    assert "suite.toml, line" in refusal.value.what


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("minimum_records = 4", 'minimum_records = "4"'),
        ("maximum = 0.5", "maximum = -0.5"),
        ("weights = 0.001", "wheights = 0.001"),
        ('change = "reverse-sentences"', 'change = "shout"'),
    ],
)
def test_the_line_of_a_mistake_is_named(right: str, wrong: str, tmp_path: Path) -> None:
    folder = write_suite(tmp_path / "berries", SUITE.replace(right, wrong, 1))
    with pytest.raises(ConfigurationError, match=f"line {line_of(right)}:"):
        read_suite(folder)


def test_a_folder_without_a_predictor_is_no_suite(tmp_path: Path) -> None:
    folder = write_suite(tmp_path / "berries")
    (folder / "predictor.py").unlink()
    with pytest.raises(UnknownName, match="is no suite"):
        read_suite(folder)


def test_its_digest_covers_every_file_and_no_byte_code(tmp_path: Path) -> None:
    folder = write_suite(tmp_path / "berries")
    digest = suite_digest(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "predictor.pyc").write_bytes(b"x")
    assert suite_digest(folder) == digest
    assert [file.path for file in suite_files(folder)] == ["predictor.py", "suite.toml"]
    (folder / "words.json").write_text("{}")
    assert suite_digest(folder) != digest


def test_a_link_in_a_suite_is_refused(tmp_path: Path) -> None:
    folder = write_suite(tmp_path / "berries")
    (tmp_path / "elsewhere.json").write_text("{}")
    (folder / "words.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(IntegrityBroken, match="symbolic link"):
        suite_digest(folder)
