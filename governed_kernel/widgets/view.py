"""What every view shares: a still that any reader shows, and a program for where it can be live.

The output holds the facts under a type of our own, which our JupyterLab extension draws live
whenever the notebook is open, with or without a kernel. It holds no widget of ipywidgets, which
JupyterLab prefers to everything else in an output, of which it keeps no state in a saved notebook,
and which would be an error for whoever opens it without our extension; that reader sees the still.
`View.live` is the same program as an anywidget, for other front ends, while the kernel runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from governed_kernel.errors import MissingExtra

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

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The facts for a live view, with the still beside them."""
        return {
            VIEW_TYPE: {"view": self.program, "facts": self.facts},
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
        }, {}

    def live(self) -> Any:
        """The view as an anywidget, for a front end that does not know our own type.

        Raises
        ------
        MissingExtra
            anywidget is not installed.
        """
        return _widget_of(self.program)(facts=self.facts)


@cache
def _widget_of(program: str) -> Any:
    """The class of a live view; its program lies in the package and fetches nothing."""
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise MissingExtra("anywidget", "widgets") from error

    class LiveView(anywidget.AnyWidget):
        _esm = (_FOLDER / f"{program}.js").read_text(encoding="utf-8")
        facts: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    return LiveView
