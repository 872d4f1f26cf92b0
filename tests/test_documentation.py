"""What is there is documented, and what is documented is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from governed_kernel import errors
from governed_kernel.cli import COMMANDS

ROOT = Path(__file__).parent.parent


def test_the_reference_is_what_the_code_says_now() -> None:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "reference.md").read_text()
    assert written == module.main(), "run 'make reference'"


def test_everything_in_the_reference_says_what_it_is() -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    sections = re.findall(r"(?m)^### (.+)\n\n(.*)$", text)
    assert len(sections) > 80
    assert not [title for title, said in sections if not said.strip() or said.startswith("###")]


def test_every_setting_and_view_column_says_what_it_is() -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    listed = re.findall(r"(?m)^- `([\w.]+)` \((?:default )?[^)]*\)(.*)$", text)
    assert len(listed) > 100
    assert not [name for name, said in listed if not said.strip()]


def test_every_picture_of_a_screen_is_shown_and_every_shown_one_is_there() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {
        name for page in pages for name in re.findall(r"screens/([\w-]+)\.png", page.read_text())
    }
    kept = {path.stem for path in (ROOT / "docs" / "screens").glob("*.png")}
    assert shown - kept == set()
    assert {f"{name.rpartition('-')[0]}-light" for name in kept} - shown == set()


def test_the_readme_shows_every_command_that_the_loop_needs() -> None:
    readme = (ROOT / "README.md").read_text()
    missing = [name for name in COMMANDS if f"governed {name}" not in readme]
    assert not missing


def test_every_command_of_the_readme_exists() -> None:
    named = re.findall(r"(?m)^\s*\$? ?governed (?:--workspace \S+ )?([a-z]+)", _readme())
    assert named
    assert set(named) <= set(COMMANDS)


def test_every_error_class_is_in_the_tree_of_its_module() -> None:
    assert errors.__doc__ is not None
    assert not [name for name in errors.__all__ if name not in errors.__doc__]


def _readme() -> str:
    return (ROOT / "README.md").read_text()
