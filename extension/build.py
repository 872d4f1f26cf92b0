"""Builds the JupyterLab extension for this checkout's environment, if its sources have changed.

``make extension`` runs it. A built extension carries the digest of what it was built from, so a
second call does nothing; npm's packages are installed only when ``yarn.lock`` has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE / "governed_server" / "labextension"
PACKAGES = HERE / "node_modules"
LOCKED = ("package.json", "yarn.lock", ".yarnrc.yml")
WIDGETS = "../governed_kernel/widgets"
SOURCES = ("package.json", "yarn.lock", "tsconfig.json", "src", "style", "schema", WIDGETS)


def main() -> int:
    """Build what has changed; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages-only", action="store_true", help="install npm's packages only")
    options = parser.parse_args()
    if shutil.which("node") is None:
        print("The JupyterLab extension was NOT BUILT: there is no Node (20 or newer) here")
        return 0 if options.packages_only else 1
    _once(PACKAGES, LOCKED, "install", "--immutable")
    if options.packages_only:
        return 0
    _once(BUILT, SOURCES, "build:prod")
    # an installation writes through the link of before, and a wheel would hold the file twice
    (BUILT / "install.json").unlink(missing_ok=True)
    _link()
    return 0


def _once(made: Path, sources: Iterable[str], *words: str) -> None:
    """Run a step of the build, unless what it makes was made from exactly these sources."""
    mark, digest = made.parent / f".{made.name}-made-from", _digest(sources)
    if made.is_dir() and mark.is_file() and mark.read_text() == digest:
        return
    done = subprocess.run(
        [Path(sys.executable).with_name("jlpm"), *words],
        cwd=HERE,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"jlpm {' '.join(words)} failed\n{done.stdout[-4000:]}")
    mark.write_text(digest)


def _digest(names: Iterable[str]) -> str:
    found = hashlib.sha256()
    for name in names:
        path = HERE / name
        for file in [path] if path.is_file() else sorted(path.rglob("*.*")):
            if file.is_file() and file.suffix not in (".py", ".pyc"):
                found.update(
                    f"{file.relative_to(path.parent)}\0".encode() + file.read_bytes() + b"\0"
                )
    return found.hexdigest()


def _link() -> None:
    """Let JupyterLab in this environment use what is built here, also when it is built again."""
    target = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "governed-notebooks"
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        shutil.rmtree(target)
    target.symlink_to(BUILT)


if __name__ == "__main__":
    sys.exit(main())
