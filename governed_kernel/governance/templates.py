"""Where the folders lie that commands copy: in the repository, or in the installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

import governed_kernel
from governed_kernel.errors import ResourceMissing

__all__ = ["notebook_templates", "template_folder"]

_IN_REPOSITORY = {"example": "notebooks"}
"""Templates that lie elsewhere in the repository than below ``templates/``."""


def template_folder(name: str) -> Path:
    """The folder of template `name`, in an installed wheel and in an editable installation.

    ``workspace`` is what ``governed init`` copies, ``example`` the workspace of the demonstration.

    Raises
    ------
    ResourceMissing
        The installation lacks it.
    """
    package = Path(governed_kernel.__file__).resolve().parent
    packaged = package / "templates" / name
    in_repository = package.parent / _IN_REPOSITORY.get(name, f"templates/{name}")
    for folder in (packaged, in_repository):
        if folder.is_dir():
            return folder
    raise ResourceMissing(
        f"the template {name!r} is missing",
        why=f"it lies neither in {packaged} nor in {in_repository}",
        next="install governed-notebooks again",
    )


def notebook_templates() -> list[dict[str, Any]]:
    """Notebooks to begin with: the name of each, its title and its content (nbformat 4)."""
    found = []
    for path in sorted(template_folder("notebooks").glob("*.ipynb")):
        content = msgspec.json.decode(path.read_bytes())
        title = content["metadata"].pop("title", path.stem)
        found.append({"name": path.stem, "title": title, "content": content})
    return found
