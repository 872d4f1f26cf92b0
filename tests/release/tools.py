"""An environment with the tools that a page names, all that they need, and nothing else.

Not a blocker in front of what is installed here: what is not named is not there. Packages are
links to those of the tests' own environment, so it is made in a second and needs no network.
"""

from __future__ import annotations

import importlib.metadata as metadata
import os
import re
import venv
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement


def make(folder: Path, requirements: list[str]) -> Path:
    """Make it; returns the folder of its programs."""
    venv.EnvBuilder(with_pip=False).create(folder)
    site = next(folder.glob("lib/python*/site-packages"))
    for distribution in _closure(requirements):
        for entry in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            source, target = Path(str(distribution.locate_file(entry))), site / entry
            if not target.is_symlink():  # namespaces such as google/ belong to several
                target.symlink_to(source)
        for script in distribution.entry_points.select(group="console_scripts"):
            _write(folder / "bin" / script.name, folder / "bin" / "python", script)
    return folder / "bin"


def _write(target: Path, python: Path, script: metadata.EntryPoint) -> None:
    target.write_text(
        f"#!{python}\nimport sys\nfrom {script.module} import {script.attr.partition('.')[0]}\n"
        f"sys.exit({script.attr}())\n"
    )
    target.chmod(0o755)


def _closure(requirements: list[str]) -> Iterator[metadata.Distribution]:
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        asked = waiting.pop()
        distribution = metadata.distribution(asked.name)
        for extra in ["", *asked.extras]:
            key = re.sub(r"[-_.]+", "-", asked.name).lower(), extra
            if key in seen:
                continue
            seen.add(key)
            for line in distribution.requires or ():
                found = Requirement(line)
                if found.marker is None or found.marker.evaluate({"extra": extra}):
                    waiting.append(found)
            if not extra:
                yield distribution


def variables(programs: Path, **more: str) -> dict[str, str]:
    """What a command runs with: these programs first, nothing of ours by another way."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "PATH": f"{programs}:/usr/bin:/bin", **more}
