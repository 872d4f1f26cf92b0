"""Nodes and links of a traced graph, with what the store and the ledger know of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape

__all__ = ["Link", "Node"]


@dataclass(frozen=True)
class Node:
    """One thing in a traced graph.

    Attributes
    ----------
    node : str
        Identity: a URI, or ``dataset:…``, ``release:…``, ``run:…``, ``session:…`` and so on.
    kind : str
        resource, object, transformation, dataset, release, run, session or deployment.
    name : str
        What people call it.
    facts : dict
        What is known of it.
    """

    node: str
    kind: str
    name: str
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The node as a JSON object."""
        return {"node": self.node, "kind": self.kind, "name": self.name, **self.facts}

    def label(self, digests: Collection[str] | None = None) -> str:
        """The node as one line of rich text, with digests it had at another time than now."""
        facts = self.facts
        if self.kind == "transformation":
            text = f"[cyan]{escape(self.name)}[/cyan]"
            where = f"{facts['session_id']} cell {facts['execution']}"
            return f"{text} [dim]{escape(where)}[/dim]"
        text = f"{self.kind} " if self.kind not in ("resource", "object") else ""
        text += f"[bold]{escape(self.name)}[/bold]"
        told = [str(facts[key])[:60] for key in _TOLD if facts.get(key)]
        if digests is None:
            digests = [facts["sha256"]] if facts.get("sha256") else []
        elif not digests:
            told.append("as it was then")
        if digests:
            told.append(f"sha256 {', '.join(f'{each[:12]}…' for each in sorted(digests))}")
        return f"{text} [dim]{escape(', '.join(told))}[/dim]" if told else text


_TOLD = ("state", "data_class", "source", "notebook", "person", "live_from", "live_to", "kind_of")


@dataclass(frozen=True)
class Link:
    """From what came before (`source`) to what came after (`target`), and how."""

    source: str
    target: str
    how: str = ""
