"""Where the files lie that ``governed init`` copies: in the repository, or in the wheel."""

from __future__ import annotations

from pathlib import Path

import governed_kernel
from governed_kernel.errors import ResourceMissing

__all__ = ["template_folder"]


def template_folder(name: str) -> Path:
    """The folder of template `name`, in an installed wheel and in an editable installation.

    Raises
    ------
    ResourceMissing
        The installation lacks it.
    """
    package = Path(governed_kernel.__file__).resolve().parent
    for templates in (package / "templates", package.parent / "templates"):
        if (templates / name).is_dir():
            return templates / name
    raise ResourceMissing(
        f"the template {name!r} is missing",
        why=f"it lies neither in {package / 'templates'} nor in {package.parent / 'templates'}",
        next="install governed-notebooks again",
    )
