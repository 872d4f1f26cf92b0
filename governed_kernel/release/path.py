"""The whole path of a release as a picture: commit → run → validation → approvals → deployments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governed_kernel.lineage.drawing import Arrow, Box, Panel, draw

__all__ = ["picture"]

_STYLES = (("direct", "went on"), ("first", "refused, failed or recalled"))


def picture(facts: dict[str, Any]) -> str:
    """The path as the text of an SVG file: one row to the release, and one for each of its runs."""
    first = Panel(f"{facts['release']}: {facts['state']}", legend=_STYLES)
    _add(first, _to_release(facts))
    panels = [first]
    for run in facts["runs"]:
        if run["kind"] == "release":
            panel = Panel(f"{run['run']}: {run['state']}")
            _add(panel, _of_run(facts, run))
            panels.append(panel)
    return draw(panels)


def _add(panel: Panel, steps: Iterator[tuple[Box, Arrow | None]]) -> None:
    for box, arrow in steps:
        panel.boxes.append(box)
        if arrow is not None:
            panel.arrows.append(arrow)


def _to_release(facts: dict[str, Any]) -> Iterator[tuple[Box, Arrow | None]]:
    name, commit = facts["release"], facts["commit"]
    known = f"commit {commit[:19]}" if commit else "no commit is known"
    yield Box("commit", "resource", facts["notebook"], (known,)), None
    first = facts["history"][0]
    lines = (f"{first['at']:%Y-%m-%d %H:%M}, by {facts['author']}", f"risk {facts['risk_class']}")
    yield Box(name, "release", name, lines), Arrow("commit", name, "promoted", "direct")
    if signed := _signed(facts, "run", ""):
        box = Box("approved", "release", "approved for a run", signed)
        yield box, Arrow(name, box.key, "", "direct")
    for item in facts["recalls"]:
        lines = (", ".join(item["versions"][:2]), item["reason"])
        style = "direct" if item["state"] == "continued" else "first"
        box = Box(item["recall"], "dataset", f"recall: {item['state']}", lines)
        yield box, Arrow(item["recall"], name, "", style)


def _of_run(facts: dict[str, Any], run: dict[str, Any]) -> Iterator[tuple[Box, Arrow | None]]:
    key = last = run["run"]
    yield Box(key, "run", key, (f"{run['state']}, by {run['person']}", *run["reruns"][:2])), None
    for item in run["evaluations"]:
        told = [f"{item['cases']} cases, {len(item['failed'])} not passed"]
        told += [
            f"{one['case']}: accepted, {one['state']}"
            for one in facts["risks"]
            if one["run"] == key and one["case"] in item["failed"]
        ]
        verdict = "passed" if item["passed"] else "not passed"
        told.append(f"by {item['person']}")
        box = Box(item["run"], "run", f"{item['suite']}: {verdict}", tuple(told))
        yield box, Arrow(last, item["run"], "validated", "direct" if item["passed"] else "first")
        last = item["run"]
    if signed := _signed(facts, "deployment", key):
        box = Box(f"{key}/approved", "release", "approved for deployment", signed)
        yield box, Arrow(last, box.key, "", "direct")
        last = box.key
    if not run["bundle"]:
        return
    box = Box(run["bundle"], "deployment", run["bundle"])
    yield box, Arrow(last, box.key, "sealed", "direct")
    for number, item in enumerate(facts["deployments"]):
        if item["bundle"] == run["bundle"]:
            until = f"{item['live_to']:%Y-%m-%d %H:%M}" if item["live_to"] else "now"
            lines = (f"{item['live_from']:%Y-%m-%d %H:%M} to {until}", f"by {item['person']}")
            place = f"{item['environment']}, slot {item['slot']}"
            box = Box(f"deployment {number}", "deployment", place, lines)
            yield box, Arrow(run["bundle"], box.key, "deployed", "direct")


def _signed(facts: dict[str, Any], purpose: str, run: str) -> tuple[str, ...]:
    return tuple(
        f"{item['printed_name']} ({item['role']})"
        for item in facts["approvals"]
        if item["counts"] and (item["for"], item["run"]) == (purpose, run)
    )
