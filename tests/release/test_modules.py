"""Which modules of the workspace a notebook rests on."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from governed_kernel.release.modules import local_modules
from governed_kernel.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "governed.toml").write_text('[workspace]\nname = "x"\n')
    for name, source in {
        "research/words.py": "import numpy\nimport tables.colours\n",
        "research/tables/__init__.py": "",
        "research/tables/colours.py": "from . import shades\nfrom .deep.blue import sea\n",
        "research/tables/shades.py": "",
        "research/tables/deep/__init__.py": "",
        "research/tables/deep/blue.py": "sea = 1\n",
        "research/unused.py": "import words\n",
        "research/late.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return Workspace.open(tmp_path)


def found(workspace: Workspace, *sources: str) -> list[str]:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    folder = workspace.root / "research"
    return [
        path.relative_to(folder).as_posix() for path in local_modules(workspace, folder, notebook)
    ]


def test_imports_are_followed_into_packages_and_relative_ones(workspace: Workspace) -> None:
    assert found(workspace, "import words") == [
        "tables/__init__.py",
        "tables/colours.py",
        "tables/deep/__init__.py",
        "tables/deep/blue.py",
        "tables/shades.py",
        "words.py",
    ]


def test_imports_inside_functions_and_beside_magics_are_seen(workspace: Workspace) -> None:
    assert found(workspace, "%matplotlib inline\ndef f():\n    import late") == ["late.py"]


def test_what_is_not_imported_is_not_bound(workspace: Workspace) -> None:
    assert found(workspace, "import pandas, os.path\nx = 'import words'") == []


def test_a_module_outside_the_workspace_is_left_out(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside_module.py"
    outside.write_text("")
    (workspace.root / "research" / "linked.py").symlink_to(outside)
    assert found(workspace, "import linked") == []


def test_a_module_is_read_in_the_encoding_that_it_names(workspace: Workspace) -> None:
    source = "# -*- coding: latin-1 -*-\n# Gr\u00f6\u00dfe\nimport late\n"
    (workspace.root / "research" / "size.py").write_bytes(source.encode("latin-1"))
    assert found(workspace, "import size") == ["late.py", "size.py"]


def test_a_module_that_does_not_parse_is_bound_and_followed_no_further(
    workspace: Workspace,
) -> None:
    (workspace.root / "research" / "broken.py").write_bytes(b"import late\ndef (\n")
    assert found(workspace, "import broken") == ["broken.py"]
