"""A small environment of its own: an interpreter with what a run needs, and no torch.

A run's gate hashes every installed file. Here there are few, nobody edits them meanwhile, and a
test may alter them without hurting anybody else. Nothing is installed from elsewhere: files are
copied from the environment of the tests, and this product is put in as its wheel would.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

import governed_kernel

PRODUCT = "governed-notebooks"
NEEDED = (PRODUCT, "model-signing", "numpy", "pandas", "pyOpenSSL", "safetensors")
LAB = ("jupyterlab", "tinycss2")
"""What JupyterLab needs; the second is an extra of bleach, and extras are not followed here."""
_PACKAGE = Path(governed_kernel.__file__).parent
_REPOSITORY = _PACKAGE.parent
_EXTENSION = _REPOSITORY / "extension"
_SHARE = Path("share", "jupyter")
_SETTINGS = Path("etc", "jupyter", "jupyter_server_config.d")
_OURS = "governed_server.json"


class PythonEnvironment:
    """An interpreter with its own site-packages.

    Attributes
    ----------
    python : Path
        The interpreter.
    site : Path
        Its site-packages.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.site = next(folder.glob("lib/python*/site-packages"))

    @classmethod
    def make(
        cls, folder: Path, *, with_lab: bool = False, wheel: Path | None = None
    ) -> PythonEnvironment:
        """Make one in a new folder; with JupyterLab and our extension where that is wanted.

        Where a wheel is given, this product is installed from it.
        """
        venv.EnvBuilder(with_pip=False).create(folder)
        made = cls(folder)
        for distribution in _closure((*NEEDED, *LAB) if with_lab else NEEDED):
            if _normal(distribution.name) != PRODUCT:
                made._copy(distribution)
            elif wheel is None:
                made._put_in_product(distribution)
        if with_lab:
            made._put_in_lab()
        if wheel is not None:
            made._install(wheel)
        elif with_lab:
            made._put_in_extension()
        subprocess.run([made.python, "-m", "compileall", "-q", made.site / "governed_kernel"])
        return made

    def _put_in_lab(self) -> None:
        """JupyterLab's own pages and settings."""
        (self.folder / _SHARE).mkdir(parents=True, exist_ok=True)
        for pages in ("lab", "nbconvert"):
            (self.folder / _SHARE / pages).symlink_to(Path(sys.prefix) / _SHARE / pages)
        target = self.folder / _SETTINGS
        shutil.copytree(Path(sys.prefix) / _SETTINGS, target)
        (target / _OURS).unlink(missing_ok=True)

    def _put_in_extension(self) -> None:
        """What the wheel puts beside them."""
        shutil.copytree(
            _EXTENSION / "governed_server" / "labextension",
            self.folder / _SHARE / "labextensions" / "governed-notebooks",
        )
        own = _EXTENSION / "jupyter-config" / "server-config" / _OURS
        shutil.copy2(own, self.folder / _SETTINGS)

    def _install(self, wheel: Path) -> None:
        """Install this product as people do; what it needs is there already."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "-q"]
        subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)

    def clone(self, folder: Path) -> PythonEnvironment:
        """The same environment elsewhere; unchanged files are shared, so replace, never write."""
        venv.EnvBuilder(with_pip=False).create(folder)
        made = PythonEnvironment(folder)
        made.site.rmdir()
        shutil.copytree(self.site, made.site, copy_function=_link)
        shutil.copytree(self.folder / "share", folder / "share")
        return made

    def _copy(self, distribution: metadata.Distribution) -> None:
        """As its wheel would, were there no tests in it: every gate hashes every file."""
        root = Path(str(distribution.locate_file("")))
        for file in distribution.files or ():
            source = root / file
            if ".." in file.parts or not source.is_file() or _is_spare(file.parts):
                continue  # scripts and pages of manuals
            target = self.site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            # One of what a library carries within itself is a file like any other.
            if file.name == "RECORD" and len(file.parts) == 2:
                _write_kept_rows(target)

    def _put_in_product(self, distribution: metadata.Distribution) -> None:
        """What the wheel holds: the package with its templates, its metadata, its kernels."""
        package = self.site / _PACKAGE.name
        ignored = shutil.ignore_patterns("__pycache__", "*.csv", "outputs", ".*")
        shutil.copytree(_PACKAGE, package, ignore=ignored)
        for name in ("workspace", "notebooks"):
            folder = _REPOSITORY / "templates" / name
            if folder.is_dir():
                shutil.copytree(folder, package / "templates" / name, dirs_exist_ok=True)
        routes = self.site / "governed_server"
        ignored = shutil.ignore_patterns("__pycache__", "labextension")
        shutil.copytree(_EXTENSION / "governed_server", routes, ignore=ignored)
        notes = self.site / f"{PRODUCT.replace('-', '_')}-{distribution.version}.dist-info"
        notes.mkdir()
        for name in ("METADATA", "entry_points.txt"):
            (notes / name).write_text(distribution.read_text(name) or "")
        put = [*package.rglob("*"), *routes.rglob("*"), *notes.iterdir()]
        files = sorted(path for path in put if path.is_file())
        record = "".join(f"{path.relative_to(self.site)},{_hash(path)},\n" for path in files)
        (notes / "RECORD").write_text(record)
        kernels = self.folder / "share" / "jupyter" / "kernels"
        shutil.copytree(_PACKAGE / "kernel" / "kernelspec", kernels)

    def alter(self, file: str, data: bytes) -> None:
        """Replace or add one file of site-packages."""
        path = self.site / file
        path.unlink(missing_ok=True)
        path.write_bytes(data)

    def add_distribution(self, name: str, module: bytes) -> None:
        """Install a distribution of one module, with its RECORD."""
        (self.site / f"{name}.py").write_bytes(module)
        notes = self.site / f"{name}-1.0.dist-info"
        notes.mkdir()
        (notes / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        rows = io.StringIO()
        writer = csv.writer(rows)
        for path in (self.site / f"{name}.py", notes / "METADATA"):
            writer.writerow([path.relative_to(self.site), _hash(path), path.stat().st_size])
        (notes / "RECORD").write_text(rows.getvalue())


def _closure(names: tuple[str, ...]) -> Iterator[metadata.Distribution]:
    """The distributions of those names and all that they need, without extras."""
    seen: set[str] = set()
    waiting = [*names]
    while waiting:
        name = _normal(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        distribution = metadata.distribution(name)
        yield distribution
        for line in distribution.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def _is_spare(parts: tuple[str, ...]) -> bool:
    """Libraries' own tests, and jedi's stubs (a fourth of all files): no run opens any."""
    return "tests" in parts or parts[:2] == ("jedi", "third_party")


def _write_kept_rows(record: Path) -> None:
    with record.open(newline="") as file:
        kept = [row for row in csv.reader(file) if not _is_spare(tuple(row[0].split("/")))]
    with record.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(kept)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _hash(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


if __name__ == "__main__":
    PythonEnvironment.make(Path(sys.argv[1]))
