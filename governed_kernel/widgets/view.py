"""What every view shares: a still that any reader shows, and a program for where it can be live.

The output holds the facts under a type of our own, which our JupyterLab extension draws live
whenever the notebook is open, with or without a kernel; the JupyterLab part of ipywidgets keeps no
state in a saved notebook, and would show an error instead. Elsewhere the same program runs as an
anywidget while the kernel does, and what is only read shows the still.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["VIEW_TYPE", "View"]

VIEW_TYPE = "application/vnd.governed-notebooks.view+json"
_FOLDER = Path(__file__).parent


class View(ABC):
    """One view: ``facts`` to be shown live, HTML and text to be kept."""

    program: ClassVar[str]
    """Its file in this folder, without the ending; the extension knows it by this name."""

    @property
    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What its program shows, as JSON values."""

    @abstractmethod
    def _repr_html_(self) -> str: ...

    def _repr_mimebundle_(self, **_options: Any) -> Any:
        """The live forms with the still beside them; no widget where anywidget is missing."""
        still = {
            VIEW_TYPE: {"view": self.program, "facts": self.facts},
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
        }
        widget = self._widget()
        if widget is None:
            return still
        shown = widget._repr_mimebundle_()
        live, metadata = shown if isinstance(shown, tuple) else (shown, {})
        return {**(live or {}), **still}, metadata

    def _widget(self) -> Any:
        made = _widget_of(self.program)
        return None if made is None else made(facts=self.facts)


@cache
def _widget_of(program: str) -> Any:
    """The class of a live view; its program lies in the package and fetches nothing."""
    try:
        import anywidget
        import traitlets
    except ImportError:
        return None

    class LiveView(anywidget.AnyWidget):
        _esm = (_FOLDER / f"{program}.js").read_text(encoding="utf-8")
        facts: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    return LiveView
