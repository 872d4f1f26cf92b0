"""A language pack for JupyterLab's pseudo-language: every text of the extension in brackets.

What is shown without brackets went past the translation, or is data. The texts are read off the
sources, as those who make language packs do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyterlab_server.translation_utils import PSEUDO_LANGUAGE
from playwright.sync_api import Response

from tests.extension.server import Server
from tests.loop.environment import PythonEnvironment

__all__ = ["SHOWN", "install", "messages", "spoken", "untranslated"]

BEGIN, END = "\u27e6", "\u27e7"
DOMAIN = "governed_notebooks"
_REPOSITORY = Path(__file__).parents[2]
_SOURCES = ("extension/src/**/*.ts", "extension/src/**/*.tsx", "governed_kernel/widgets/*.js")
_TEXT = r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")"""
_ONE = re.compile(rf"\b__\({_TEXT}")
_MANY = re.compile(rf"\b_n\({_TEXT},{_TEXT}")
SHOWN = """() => {
    const found = new Set();
    for (const panel of document.querySelectorAll('.gn-Panel, .gn-Output, .gn-Mark, .gn-Badge')) {
        if (!panel.checkVisibility()) {
            continue;
        }
        const texts = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const { parentElement, data } = texts.currentNode;
            if (parentElement.checkVisibility() && !parentElement.closest('style, code, pre')) {
                found.add(data);
            }
        }
        for (const node of panel.querySelectorAll('*')) {
            for (const name of ['aria-label', 'title', 'placeholder']) {
                found.add(node.getAttribute(name) ?? '');
            }
        }
    }
    return [...found].map(text => text.trim()).filter(text => /[a-z]/i.test(text));
}"""
"""Every text and spoken name on the panels that can be seen."""


def messages() -> Iterator[tuple[str, ...]]:
    """Every text that goes through the translation; those that count things in both forms."""
    for pattern in _SOURCES:
        for path in sorted(_REPOSITORY.glob(pattern)):
            source = path.read_text()
            for found in (*_ONE.finditer(source), *_MANY.finditer(source)):
                yield tuple(
                    text.replace("\\'", "'").replace('\\"', '"') for text in found.groups() if text
                )


_FIGURES = re.compile(r"[A-Z][a-z]{2} \d+, \d{4}, \d+:\d+\s[AP]M [A-Z]\S+|[\d.]+ (?:[KMGT]i)?B\b")


def install(environment: PythonEnvironment) -> None:
    """Put the pack where pip would."""
    name = "jupyterlab_language_pack_pseudo"
    package = environment.site / name
    texts = package / "locale" / PSEUDO_LANGUAGE / "LC_MESSAGES"
    texts.mkdir(parents=True)
    (package / "__init__.py").touch()
    said = {
        forms[0]: [f"{BEGIN}{form}{END}" for form in forms] for forms in sorted(messages(), key=len)
    }
    head = {
        "domain": DOMAIN,
        "language": PSEUDO_LANGUAGE.replace("_", "-"),  # as JupyterLab looks it up
        "plural_forms": "nplurals=2; plural=(n != 1);",
    }
    (texts / f"{DOMAIN}.json").write_text(json.dumps({"": head, **said}))
    notes = environment.site / f"{name}-1.0.dist-info"
    notes.mkdir()
    (notes / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    point = f"[jupyterlab.languagepack]\n{PSEUDO_LANGUAGE} = {name}\n"
    (notes / "entry_points.txt").write_text(point)
    (notes / "RECORD").write_text(f"{name}/__init__.py,,\n")


@contextmanager
def spoken(server: Server) -> Iterator[None]:
    """Pages that begin in this block speak the pseudo-language, as JupyterLab's settings say."""
    folder = server.home / "jupyter-config" / "lab" / "user-settings" / "@jupyterlab"
    file = folder / "translation-extension" / "plugin.jupyterlab-settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"locale": PSEUDO_LANGUAGE}))
    try:
        yield
    finally:
        file.unlink()


def untranslated(shown: Iterable[str], answers: Iterable[Response]) -> list[str]:
    """What is shown without brackets and is no data: no word of an answer, no moment, no size.

    Parameters
    ----------
    shown : iterable of str
        What `SHOWN` found.
    answers : iterable of Response
        What the server said.
    """
    data = "\n".join(text for answer in answers for text in _texts(answer.json()))
    known = {form for forms in messages() for form in forms}
    return [
        text
        for text in shown
        if BEGIN not in text
        and (text in known or not all(word in data for word in _words(_FIGURES.sub("", text))))
    ]


def _words(text: str) -> list[str]:
    return [
        word for word in re.split(r"[\s:,·/…@]+", text) if re.search("[a-z]", word, re.IGNORECASE)
    ]


def _texts(value: object) -> Iterator[str]:
    """Every text of an answer; the names of its fields are none."""
    if isinstance(value, str):
        yield value
    for part in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _texts(part)
