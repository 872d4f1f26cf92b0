"""Where the files lie that ``governed init`` copies: in the repository, or in the wheel."""

from __future__ import annotations

from pathlib import Path

import governed_kernel
from governed_kernel.errors import ResourceMissing

__all__ = ["template_folder"]


_IN_REPOSITORY = {"workspace": "templates/workspace", "example": "notebooks"}


def template_folder(name: str) -> Path:
    """The folder of template `name`, in an installed wheel and in an editable installation.

    Raises
    ------
    ResourceMissing
        The installation lacks it.
    """
    package = Path(governed_kernel.__file__).resolve().parent
    places = package / "templates" / name, package.parent / _IN_REPOSITORY.get(name, name)
    for place in places:
        if place.is_dir():
            return place
    raise ResourceMissing(
        f"the template {name!r} is missing",
        why=f"it lies neither in {places[0]} nor in {places[1]}",
        next="install governed-notebooks again",
    )
