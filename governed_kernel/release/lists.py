"""Every list that people page through: what fits is counted, and only a page is made into rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, TypeVar, Unpack
from weakref import WeakKeyDictionary

from governed_kernel.governance import catalog_rows
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import RerunCompared
from governed_kernel.lineage.vocabulary import now
from governed_kernel.release.evaluations import evaluations
from governed_kernel.release.history import ReleaseRecord, RunRecord
from governed_kernel.release.overview import summary, waits_for
from governed_kernel.release.registry import Registry

__all__ = [
    "WAITING",
    "Page",
    "Wanted",
    "listed_evaluations",
    "listed_releases",
    "listed_runs",
    "listed_verdicts",
    "listed_versions",
]

T = TypeVar("T")
WAITING = "mine"
"""Instead of a state: what waits for the person who asks."""
_waiting: WeakKeyDictionary[Registry, dict[tuple[str, datetime], frozenset[str]]] = (
    WeakKeyDictionary()
)


@dataclass(frozen=True)
class Page:
    """Some of what there is.

    Attributes
    ----------
    total : int
        How many fit the question, on this page and others.
    all : int
        How many there are, whatever was asked for.
    counts : dict of str to int
        How many of all there are of each state.
    rows : list of dict
        This page.
    """

    total: int
    all: int
    counts: dict[str, int]
    rows: list[dict[str, Any]]


class Wanted(TypedDict, total=False):
    """What may be asked of every list.

    Attributes
    ----------
    search : str
        Only rows that contain each of these words, in letters of either case.
    limit, offset : int
        So many rows, after so many others.
    """

    search: str
    limit: int | None
    offset: int


def listed_releases(
    registry: Registry, person: str = "", *, state: str = "", **wanted: Unpack[Wanted]
) -> Page:
    """Releases: what waits for the person first, then what changed last.

    Name, author, notebook and risk class are searched.

    Parameters
    ----------
    person : str
        Who looks at the list.
    state : str
        Only those of that state, or `WAITING`.
    """
    waiting = _waiting_for(registry, person)
    found = sorted(
        registry.releases.values(),
        key=lambda record: (record.name in waiting, record.history[-1].at),
        reverse=True,
    )

    def fits(record: ReleaseRecord) -> bool:
        return record.name in waiting if state == WAITING else state in ("", record.state)

    def words(record: ReleaseRecord) -> Sequence[str]:
        said = record.promotion
        return record.name, record.author, said.notebook, said.risk_class

    counts = {**Counter[str](record.state for record in found), WAITING: len(waiting)}
    fitting, live = (record for record in found if fits(record)), registry.live()

    def row(record: ReleaseRecord) -> dict[str, Any]:
        return summary(registry, record, person, live)

    return _page(fitting, words, row, counts, len(found), wanted)


def listed_runs(
    registry: Registry, *, state: str = "", kind: str = "", **wanted: Unpack[Wanted]
) -> Page:
    """Runs, the newest first; name, release, kind and person are searched.

    Parameters
    ----------
    state, kind : str
        Only those of that state and kind.
    """
    found = list(reversed(registry.runs.values()))

    def words(run: RunRecord) -> Sequence[str]:
        return run.run_id, run.started.release, run.started.kind, run.started.person

    fitting = (run for run in found if state in ("", run.state) and kind in ("", run.started.kind))
    return _page(fitting, words, _run, Counter(run.state for run in found), len(found), wanted)


def listed_evaluations(registry: Registry, **wanted: Unpack[Wanted]) -> Page:
    """Validations, the newest first; suite, runs, release and person are searched."""
    found = evaluations(registry)

    def words(row: dict[str, Any]) -> Sequence[str]:
        return [row[name] for name in ("suite", "run", "validation", "release", "person")]

    counts = Counter("passed" if row["passed"] else "failed" for row in found)
    return _page(found, words, dict, counts, len(found), wanted)


def listed_verdicts(registry: Registry, **wanted: Unpack[Wanted]) -> Page:
    """Re-runs that were held against their originals, the newest first; counts of verdicts.

    Run, re-run, release, verdict and person are searched.
    """
    found = sorted(
        ((run, item) for run in registry.runs.values() for item in run.comparisons),
        key=lambda pair: pair[1].occurred_at,
        reverse=True,
    )

    def words(pair: tuple[RunRecord, RerunCompared]) -> Sequence[str]:
        run, item = pair
        return item.run_id, item.rerun_id, run.started.release, item.verdict, item.person

    counts = Counter[str](item.verdict for _, item in found)
    return _page(found, words, lambda pair: _verdict(*pair), counts, len(found), wanted)


def listed_versions(register: Register, *, data_class: str = "", **wanted: Unpack[Wanted]) -> Page:
    """Versions of datasets and base models; the counts are those of classes.

    Name, owner, state and purposes are searched.

    Parameters
    ----------
    data_class : str
        Only those of that class.
    """
    found = catalog_rows.rows(register)

    def words(row: dict[str, Any]) -> Sequence[str]:
        name = f"{row['dataset']}@{row['version']}"
        return [name, row["owner"], row["state"], *row["purposes"]]

    fitting = (row for row in found if data_class in ("", row["class"]))
    return _page(fitting, words, dict, Counter(row["class"] for row in found), len(found), wanted)


def _page(
    fitting: Iterable[T],
    words: Callable[[T], Sequence[str]],
    shown: Callable[[T], dict[str, Any]],
    counts: dict[str, int],
    every: int,
    wanted: Wanted,
) -> Page:
    """What is wanted of what fits; only that is made into rows."""
    kept = _found(fitting, words, wanted.get("search", ""))
    offset, limit = wanted.get("offset", 0), wanted.get("limit")
    page = kept[offset : None if limit is None else offset + limit]
    return Page(len(kept), every, dict(counts), [shown(item) for item in page])


def _found(rows: Iterable[T], words: Callable[[T], Sequence[str]], search: str) -> list[T]:
    wanted = search.casefold().split()
    if not wanted:
        return list(rows)
    # every word that was typed, wherever it stands
    return [row for row in rows if all(word in "\n".join(words(row)).casefold() for word in wanted)]


def _waiting_for(registry: Registry, person: str) -> frozenset[str]:
    """Names of the releases that wait for a person; once an hour, since it counts approvals."""
    known = _waiting.setdefault(registry, {})
    asked = person, now().replace(minute=0, second=0, microsecond=0)  # acceptances end
    if asked not in known:
        known[asked] = frozenset(
            record.name
            for record in registry.releases.values()
            if person and waits_for(registry, record, person)
        )
    return known[asked]


def _run(run: RunRecord) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "release": run.started.release,
        "kind": run.started.kind,
        "state": run.state,
        "person": run.started.person,
        "started_at": run.started.occurred_at,
        "seconds": run.ended.seconds if run.ended else None,
        "parameters": run.started.parameters,
        "error": run.ended.reason if run.ended else "",
        "validated": run.validated.passed if run.validated else None,
    }


def _verdict(run: RunRecord, item: RerunCompared) -> dict[str, Any]:
    return {
        "run": item.run_id,
        "rerun": item.rerun_id,
        "release": run.started.release,
        "verdict": item.verdict,
        "weights_sha256": item.weights_sha256,
        "differences": item.differences,
        "surroundings": item.surroundings,
        "person": item.person,
        "at": item.occurred_at,
    }
