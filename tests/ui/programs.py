"""The machine as it is where nobody installed Node."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NODE = ("node", "nodejs", "npm", "npx", "corepack", "yarn", "yarnpkg", "pnpm", "jlpm")


def without_node(folder: Path) -> dict[str, str]:
    """Variables of a process that finds every program but Node and what comes with it.

    Parameters
    ----------
    folder : Path
        A new one, for links to the programs that lie beside Node.
    """
    found: list[str] = []
    for at, place in enumerate(os.get_exec_path()):
        if any(Path(place, name).exists() for name in NODE):
            found.append(str(folder / str(at)))
            _link(Path(place), folder / str(at))
        else:
            found.append(place)
    path = os.pathsep.join(found)
    left = [name for name in NODE if shutil.which(name, path=path)]
    assert not left, f"{left} would still be found"
    named = {name: "" for name in os.environ if name.startswith(("NODE_", "NPM_", "npm_"))}
    return {"PATH": path, **named}


def _link(programs: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for program in programs.iterdir():
        if program.name not in NODE:
            (folder / program.name).symlink_to(program)
