"""What became of the kills, counted by kind of process."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Tally"]


@dataclass
class Tally:
    """What became of the kills, by kind of process."""

    killed: Counter[tuple[str, str]] = field(default_factory=Counter)
    half: Counter[tuple[str, str]] = field(default_factory=Counter)
    points: dict[tuple[str, str], int] = field(default_factory=dict)
    after: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count what another one counted."""
        self.killed += other.killed
        self.half += other.half
        self.points |= other.points
        self.after += other.after
        self.wrong += other.wrong

    def table(self) -> str:
        """One row a kind of process."""
        lines = [f"{'kind':24}{'command':28}{'points':>8}{'killed':>8}{'half-way':>10}"]
        for key in sorted(self.killed):
            kind, name = key
            points = str(self.points.get(key, "times"))
            lines.append(f"{kind:24}{name:28}{points:>8}{self.killed[key]:>8}{self.half[key]:>10}")
        lines.append(f"{'all':24}{'':28}{'':8}{self.killed.total():>8}{self.half.total():>10}")
        lines.append(
            f"afterwards: {self.after['before']} as before, {self.after['done']} done, "
            f"{self.after['unsealed']} shown as UNSEALED, {len(self.wrong)} wrong"
        )
        return "\n".join(lines)
