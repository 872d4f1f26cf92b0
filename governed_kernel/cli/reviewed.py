"""What a person signs, as text to read before the passphrase is typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from governed_kernel.cli.options import console
from governed_kernel.release.registry import ReleaseRecord
from governed_kernel.visible import visible

__all__ = ["show", "show_release"]

_MOST = 60
_STYLES = {"+": "green", "-": "red", "@": "bold"}
_SEVERITIES = {"blocking": "bold red", "warning": "yellow", "note": "dim"}
_UNUSUAL = ("locked", "divided", "withdrawn", "registered")
Line = Text | str


def show(release: ReleaseRecord, signs: str, digest: str, facts: Mapping[str, Any]) -> None:
    """Print a review on standard error.

    Parameters
    ----------
    signs : str
        Who signs what, in a sentence.
    digest : str
        What the signature is for.
    """
    show_release(release, signs, digest, facts["risk_class"])
    blocks: dict[str, Iterable[Line]] = {
        "card": [f"{name}: {' '.join(said.split())}" for name, said in facts["card"].items()],
        "recalls": _recalls(facts["recalls"]),
        "notebook": _notebook(facts),
        "parameters": _parameters(facts["parameters"]),
        "inputs": [_input(item) for item in facts["inputs"]],
        "environment": _environment(facts["environment"]),
        "modules": [f"{item['path']}  {item['change']}" for item in facts["code"]] or ["none"],
        "suites": _suites(facts["suites"]),
        "tolerance": [_pairs(facts["tolerance"])],
        "policy": [_policy(facts["policy"])],
        "checks": _findings(facts["findings"]),
    }
    if "run" in facts:
        blocks |= {"run": _run(facts["run"]), "artifacts": _artifacts(facts["artifacts"])}
        blocks |= {
            "validation": _validation(facts["validation"]),
            "cases": _cases(facts["cases"]),
            "accepted": _risks(facts["risks"]),
        }
    blocks["changes"] = _changes(facts["changes"], short="run" in facts)
    blocks["page"] = [f"{facts['page']}, made anew from these files just now"]
    for label, lines in blocks.items():
        _block(label, lines)


def show_release(release: ReleaseRecord, signs: str, digest: str, risk_class: str = "") -> None:
    """Print what is signed by name and digest alone, as for a rejection."""
    out = console(stderr=True)
    out.print(Text(visible(signs), style="bold"), soft_wrap=True)
    risk = f", risk class {risk_class}" if risk_class else ""
    _block("release", [f"{release.name} ({release.state}), by {release.author}{risk}"])
    _block("digest", [digest])


def _block(label: str, lines: Iterable[Line]) -> None:
    out = console(stderr=True)
    for number, line in enumerate(lines):
        text = Text(f"  {label if number == 0 else '':<12}")
        if isinstance(line, str):
            line = Text(visible(line))
        out.print(text.append_text(line), soft_wrap=True)


def _notebook(facts: Mapping[str, Any]) -> Iterator[str]:
    notebook, session = facts["notebook"], facts["session"]
    yield notebook["path"]
    yield f"from {notebook['origin']}, {notebook['origin_now']}"
    ran = f"ran these {session['cells']} cells"
    if session["texts_erased"]:
        ran = f"ran {session['cells']} cells, the text of {session['texts_erased']} was erased"
    sealed = "sealed" if session["sealed"] else "not sealed"
    yield f"session {session['session_id']} ({sealed}) {ran}"


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    for item in parameters:
        said = f": {item['description']}" if item["description"] else ""
        default = float(item["default"]) if item["type"] == "float" else item["default"]
        yield f"{item['name']}: {item['type']} = {default} ({item['bounds']}){said}"
    if not parameters:
        yield "none"


def _input(item: Mapping[str, Any]) -> Text:
    rows = [f"{item['rows']} rows"] if item["rows"] >= 0 else []
    known = [item["data_class"], f"for {', '.join(item['purposes'])}", *rows]
    if item["kind"] == "model":
        known.insert(0, f"base model, licence {item['licence'] or 'not stated'}")
    if item["retention_until"]:
        passed = ", which has passed" if item["retention_over"] else ""
        known.append(f"until {item['retention_until']}{passed}")
    if item["opened_as"]:
        known.append(f"opened as {', '.join(item['opened_as'])}")
    for opened in item.get("may_learn", ()):
        columns, may = ", ".join(opened["columns"]), "may be learned"
        if opened["said"] == "closed":
            may = "may not be learned any more"
        known.append(f"{columns} {may}, says {opened['by']}: {opened['reason']}")
    style = "bold yellow" if item["state"] in _UNUSUAL else ""
    line = Text(visible(f"{item['name']}  "))
    return line.append(item["state"], style).append(visible(f"  {'; '.join(known)}"))


def _environment(environment: Mapping[str, Any]) -> Iterator[Line]:
    yield environment["sha256"]
    yield (
        f"Python {environment['python']} on {environment['platform']}, "
        f"{environment['distributions']} distributions: {_pairs(environment['main'])}"
    )
    if environment["editable"]:
        yield Text(visible(f"from folders: {', '.join(environment['editable'])}"), "yellow")
    if environment["unowned"]:
        yield Text(visible(f"of no distribution: {', '.join(environment['unowned'])}"), "bold red")


def _suites(suites: list[dict[str, Any]]) -> Iterator[Line]:
    for suite in suites:
        yield f"{suite['path']}  {suite['sha256'][:16]}…"
        for item in suite["inputs"]:
            yield Text("reads ").append_text(_input(item))


def _policy(policy: Mapping[str, Any]) -> Text:
    if policy["in_force"]:
        return Text(f"{policy['sha256'][:16]}…, in force")
    return Text(f"{policy['sha256'][:16]}…, not the one in force", "bold red")


def _findings(findings: list[dict[str, Any]]) -> Iterator[Line]:
    for item in findings:
        style = _SEVERITIES[item["severity"]]
        yield Text(visible(f"{item['severity']}: {item['what']} ({item['why']})"), style)
    if not findings:
        yield "nothing found"


def _changes(changes: Mapping[str, Any], short: bool) -> Iterator[Line]:
    for heading, summary in changes["summary"].items():
        yield f"{heading}: {summary}"
    lines = [] if short else changes["lines"]
    for line in lines[:_MOST]:
        yield Text(line, _STYLES.get(line[:1], ""))
    if len(lines) > _MOST:
        yield f"… {len(lines) - _MOST} more lines, all of them on the page"


def _run(run: Mapping[str, Any]) -> Iterator[str]:
    started = run["started_at"][:16].replace("T", " ")
    yield f"{run['run_id']}, by {run['person']}, {started} UTC, {run['seconds']} s"
    yield _pairs(run["parameters"])
    yield from (f"re-run {item}" for item in run["reruns"])


def _artifacts(artifacts: list[dict[str, Any]]) -> Iterator[str]:
    for item in artifacts:
        yield f"{item['sha256'][:16]}…  {item['name']} ({item['bytes']:,} bytes)"


def _validation(validation: list[dict[str, Any]]) -> Iterator[Line]:
    for item in validation:
        verdict = Text("passed", "green") if item["passed"] else Text("failed", "bold red")
        where = f", {item['records']} records of {item['dataset']}, in {item['run_id']}"
        yield Text(f"{item['suite']} ").append_text(verdict).append(visible(where))
        for name, row in zip(item["classes"], item["confusion"], strict=False):
            counted = zip(row, item["classes"], strict=False)
            told = ", ".join(f"{count} as {other}" for count, other in counted)
            yield f"{name}: {told}"


def _cases(cases: list[dict[str, Any]]) -> Iterator[Line]:
    for item in cases:
        style = "" if item["outcome"] == "passed" else "bold red"
        compared = f"{item['value']:.4g}, {item['comparison']} {item['threshold']:.4g}"
        kind = "" if item["blocking"] else " (not blocking)"
        note = f": {item['note']}" if item["note"] else ""
        said = f"{item['outcome']:<6}  {item['layer']}  {item['id']}  {compared}{kind}{note}"
        yield Text(visible(said), style)


def _recalls(recalls: list[dict[str, Any]]) -> Iterator[Line]:
    for item in recalls:
        said = f"{item['recall']} is {item['state']}: {item['reason']}"
        yield Text(visible(said), "bold red")


def _risks(risks: list[dict[str, Any]]) -> Iterator[Line]:
    for item in risks:
        until = item["expires_at"][:10]
        said = f"{item['case']} may fail until {until}, says {item['person']}: {item['reason']}; "
        yield Text(visible(f"{said}instead {item['control']}"), "bold yellow")


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
