from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

import governed_kernel
from governed_kernel.errors import ResourceMissing
from governed_kernel.governance.templates import template_folder

ROOT = Path(governed_kernel.__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["workspace", "example"])
def test_an_editable_installation_has_the_templates(name: str) -> None:
    assert template_folder(name).is_relative_to(ROOT)


def test_an_installed_wheel_has_the_template_inside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel puts it where the resolver looks first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    target = tmp_path / included["templates/workspace"]
    shutil.copytree(ROOT / "templates" / "workspace", target)
    monkeypatch.setattr(governed_kernel, "__file__", str(tmp_path / "governed_kernel/__init__.py"))
    assert template_folder("workspace") == target


def test_an_installation_without_templates_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(governed_kernel, "__file__", str(tmp_path / "governed_kernel/__init__.py"))
    with pytest.raises(ResourceMissing, match="install governed-notebooks again"):
        template_folder("workspace")
