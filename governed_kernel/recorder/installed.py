"""Which files in a folder of libraries an installation put there.

What is installed is bound by name and version; what somebody laid beside it is not, and may be
data whatever its name. Every installation keeps a list (``RECORD``, PyPA's "recording installed
projects"), which is read for a package when one of its files is first asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

__all__ = ["Installed", "versions"]

_MOST = 20_000


def versions(folders: Iterable[str]) -> dict[str, str]:
    """Name → version of what is installed in some folders of libraries; the first one counts.

    The names of the folders that installers leave say it (PyPA's "recording installed projects"),
    so that nothing is opened: it costs half a millisecond for two hundred.
    """
    found: dict[str, str] = {}
    for folder in folders:
        try:
            entries = os.listdir(folder or ".")
        except OSError:
            continue
        for entry in entries:
            name, dash, version = entry.removesuffix(".dist-info").partition("-")
            if dash and entry.endswith(".dist-info"):
                found.setdefault(name.lower().replace("_", "-"), version)
    return dict(sorted(found.items()))


class Installed:
    """The lists of one folder of libraries, as far as they were needed.

    Parameters
    ----------
    folder : str
        Canonical path of the folder, ending in ``/``.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lists: dict[str, dict[str, bytes]] = {}
        """Package → lists that name something in it, by their folder; as far as they were read."""
        self._read: set[str] = set()
        """Packages for which all lists were read."""
        self._answers: dict[str, bool] = {}

    def names(self, path: str) -> bool:
        """Whether `path`, below the folder, is a folder or a file that was installed."""
        known = self._answers.get(path)
        if known is None:
            if len(self._answers) >= _MOST:
                self._answers.clear()
            known = self._answers[path] = self._look(path)
        return known

    def _look(self, path: str) -> bool:
        if os.path.isdir(path):
            return True
        relative = path[len(self._folder) :]
        name = os.fsencode(relative)
        entries = [b'\n"' + name.replace(b'"', b'""') + b'",']
        if b"," not in name:  # else it would go on into what is said of another file
            entries.append(b"\n" + name + b",")
        lists = self._lists_of(relative.partition("/")[0])
        return any(entry in found for found in lists for entry in entries)

    def _lists_of(self, package: str) -> Iterator[bytes]:
        """The lists that name something in a package; several may share a namespace.

        A list is read when none of those before it had the answer: there may be hundreds.
        """
        known = self._lists.setdefault(package, {})
        yield from tuple(known.values())
        if package in self._read:
            return
        name = os.fsencode(package)
        beginnings = (b"\n" + name, b'\n"' + name)
        for about in self._likeliest_first(package):
            if about in known:
                continue
            try:
                with open(f"{self._folder}{about}/RECORD", "rb") as file:
                    text = b"\n" + file.read()
            except OSError:
                continue
            if any(beginning in text for beginning in beginnings):
                known[about] = text
                yield text
        self._read.add(package)

    def _likeliest_first(self, package: str) -> list[str]:
        """Folders of lists: of the package's own name, then what was installed at its time.

        The order saves reading, and decides nothing.
        """
        try:
            entries = [each for each in os.listdir(self._folder) if each.endswith(".dist-info")]
        except OSError:
            return []
        made = self._moment(package)

        def unlikely(about: str) -> tuple[bool, float]:
            name = about.partition("-")[0].lower()
            return name != package.lower(), abs(self._moment(about) - made)

        return sorted(entries, key=unlikely)

    def _moment(self, entry: str) -> float:
        try:
            return os.stat(self._folder + entry).st_mtime
        except OSError:
            return 0.0
