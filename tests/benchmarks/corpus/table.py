"""The table that the corpus prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.benchmarks.corpus.judging import Verdict
from tests.benchmarks.corpus.session import Session

__all__ = ["lines", "markdown", "summary"]

_INTRODUCTION = """\
# Which ways to reach data are seen, and by whom

Made by `python -m tests.benchmarks.corpus --markdown FILE`: each line is an idiom that ran in a
real kernel, and was held against the session's journal. *Seen by* names the observer's rule, or the
system call that the witness saw where no observer follows. \\* marks the 32 reads that other
tools were measured with.
"""
_HEAD = ("idiom", "library", "seen by", "evidence", "cell", "sha256", "not as it should be")


def lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """One line an idiom, group by group."""
    rows = [(_HEAD, "")] + [(_row(verdict), verdict.idiom.group) for verdict in verdicts]
    widths = [min(46, max(len(row[place]) for row, _ in rows)) for place in range(6)]
    last = ""
    for row, group in rows:
        if group != last:
            yield ""
            yield f"== {group}"
            last = group
        cells = [f"{text[:width]:{width}}" for text, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[6]]).rstrip()


def markdown(session: Session, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """A page with the counts, then each idiom, group by group."""
    yield _INTRODUCTION
    yield "```text"
    yield from summary(session, verdicts)
    yield "```"
    last = ""
    for verdict in verdicts:
        if verdict.idiom.group != last:
            last = verdict.idiom.group
            yield ""
            yield f"## {last.capitalize()}"
            yield ""
            yield "| idiom | library | seen by | evidence | cell | content |"
            yield "|---|---|---|---|---|---|"
        cells = (cell.replace("|", "\\|").replace("*", "\\*") for cell in _row(verdict)[:6])
        yield f"| {' | '.join(cells)} |"


def _row(verdict: Verdict) -> tuple[str, ...]:
    idiom = verdict.idiom
    name = idiom.name + (" *" if idiom.in_notes else "")
    if verdict.not_run:
        return name, idiom.library, "NOT RUN", "", "", "", verdict.not_run
    vias = list(dict.fromkeys(part.via for part in verdict.parts if part.via))
    seen = ", ".join(vias) or "nobody"
    complaint = "" if verdict.passes else verdict.complaint
    return (
        name,
        idiom.library,
        seen,
        verdict.evidence or "none",
        verdict.cell,
        verdict.content,
        complaint,
    )


def summary(session: Session, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Counts by group, and of the reads that other tools were measured with."""
    titles = ("idioms", "observer", "less", "witness", "nobody", "NOT RUN")
    yield f"{'':30}" + "".join(f"{title:>9}" for title in titles)
    groups = list(dict.fromkeys(verdict.idiom.group for verdict in verdicts))
    for group in groups:
        yield _counts(group, [v for v in verdicts if v.idiom.group == group])
    yield _counts("the 32 reads (*)", [v for v in verdicts if v.idiom.in_notes])
    yield _counts("all", verdicts)
    ran = [verdict for verdict in verdicts if not verdict.not_run]
    yield (
        f"cell wrong: {sum(v.cell == 'wrong' for v in ran)}, "
        f"content wrong or missing: {sum(v.content in ('wrong', 'missing') for v in ran)}, "
        f"with accesses that are not theirs: {sum(bool(v.extra) for v in ran)}, "
        f"failed: {sum(bool(v.error) for v in ran)}, observers lost: {len(session.lost)}"
    )
    found = session.completeness
    yield (
        f"completeness of the session: {found.explained} of {found.witnessed} explained "
        f"(witness {found.witness}; {found.environment} opens of the environment), "
        f"{session.seconds:.0f} s"
    )


def _counts(title: str, verdicts: Sequence[Verdict]) -> str:
    ran = [verdict for verdict in verdicts if not verdict.not_run]
    seen = Counter(verdict.seen for verdict in ran)
    numbers = (len(verdicts), *(seen[name] for name in ("observer", "less", "witness", "nobody")))
    total, observer, less, witness, nobody = numbers
    return (
        f"{title:30}{total:>9}{observer:>9}{less:>9}{witness:>9}{nobody:>9}"
        f"{len(verdicts) - len(ran):>9}"
    )
