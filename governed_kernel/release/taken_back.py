"""What a release reads that was taken back: found at promotion, shown in review, refused by gates.

Whatever a recall names concerns every release that reads it, whenever that was promoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from governed_kernel.errors import Refused
from governed_kernel.governance.catalog import label
from governed_kernel.governance.register import Register
from governed_kernel.lineage.attestations import Recall
from governed_kernel.release import manifest
from governed_kernel.release.findings import Finding
from governed_kernel.release.manifest import Input, Suite
from governed_kernel.release.registry import Registry, ReleaseRecord

__all__ = ["check_recalls", "findings", "told"]


def check_recalls(registry: Registry, record: ReleaseRecord) -> None:
    """Refuse a release that reads what was taken back, until somebody answered for it."""
    for finding in record.recalls:
        if finding.state == "continued":
            continue
        said, answer = finding.recall, finding.answer
        by = f"{answer.printed_name} answered to stop: {answer.reason}" if answer else "unanswered"
        raise Refused(
            f"{record.name} can't be run or deployed: what it was made from was recalled",
            why=f"{said.recall}, {', '.join(said.versions)}: {said.reason}; {by}",
            next="promote a new version without it"
            if answer
            else f"somebody who judges releases answers: 'governed recall answer {said.recall} "
            f"{record.name} --decision continue --reason TEXT --as PERSON'",
        )
    for name, why, again in _unopened(registry, record):
        raise Refused(
            f"{record.name} can't be run or deployed: {name}, which it reads, was taken back",
            why=f"{why}; no finding stands on the release, so nobody can answer for it",
            next=f"promote a new version without it, or have the finding opened: {again}",
        )


def told(registry: Registry, record: ReleaseRecord) -> Iterator[dict[str, Any]]:
    """The recalls of a release as who approves it is told them."""
    for item in record.recalls:
        yield {"recall": item.recall.recall, "reason": item.recall.reason, "state": item.state}
    for name, why, _ in _unopened(registry, record):
        yield {"recall": name, "reason": f"taken back, and on no finding: {why}", "state": "open"}


def findings(register: Register, inputs: Iterable[Input], suites: Iterable[Suite]) -> list[Finding]:
    """What of that stands in the way of a promotion."""
    read = {item.name: item for item in chain(inputs, *(suite.inputs for suite in suites))}
    found = [
        Finding(
            code="withdrawn-input",
            severity="blocking",
            what=f"{name} was withdrawn",
            why="its owner no longer allows its use",
            next="use another version",
        )
        for name in read
        if register.version(name).state == "withdrawn"
    ]
    if not any(isinstance(entry.predicate, Recall) for entry in register.entries):
        return found  # as nearly always, which needs no registry
    for said, names in Registry(register).recalls_of({name: read[name].sha256 for name in read}):
        answered = "a release of this one is neither run nor deployed until somebody answers for it"
        found.append(
            Finding(
                code="recalled-input",
                severity="warning" if said.records else "blocking",
                what=f"{', '.join(names)} was recalled: {said.recall}",
                why=f"{'records of it' if said.records else 'it'} can't be used: {said.reason}",
                next=f"use a version without them; {answered}"
                if said.records
                else "use another version",
            )
        )
    return found


def _unopened(registry: Registry, record: ReleaseRecord) -> Iterator[tuple[str, str, str]]:
    """What a release reads that was taken back without a finding on it; why; how to open one.

    That is a withdrawal which no recall followed, and a recall from before a promotion that does
    not say what the release reads: ledgers have both that were written by earlier versions.

    Raises
    ------
    IntegrityBroken
        Its manifest alone says what it reads, and is not what was promoted.
    """
    register = registry.register
    opened = {finding.recall.recall for finding in record.recalls}
    others = {back.said.recall for back in registry.taken_back} - opened
    whole = [item.recall.versions for item in record.recalls if not item.recall.records]
    versions = chain.from_iterable(register.datasets.values())
    withdrawn = {label(version) for version in versions if version.state == "withdrawn"}
    alone = withdrawn.difference(*whole)
    if not others and not alone:
        return
    inputs = manifest.inputs_of(register.workspace, record.promotion)
    for said, names in registry.recalls_of(inputs):
        if said.recall in others:
            root = next((name for name in said.versions if name in withdrawn), names[0])
            which = f"{names[0]} --record COLUMN VALUE" if said.records else root
            again = f"'governed recall open {which} --reason TEXT --as PERSON'"
            yield names[0], f"{said.recall}: {said.reason}", again
    for name in sorted(alone & inputs.keys()):
        again = f"'governed data withdraw {name} --reason TEXT --as PERSON'"
        yield name, "its owner no longer allows its use", again
