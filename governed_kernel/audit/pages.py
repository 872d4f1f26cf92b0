"""Reports as pages: for a risk manager, for an engineer, and by points of the EU AI Act.

Each is one self-contained HTML file that prints to one A4 page (the index to a few), without
scripts or anything from elsewhere. Whatever people wrote is shown as text, shortened where it would
not fit; ``card.toml`` in the release has the whole of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from governed_kernel.audit.annex_iv import points
from governed_kernel.audit.dossier import Dossier
from governed_kernel.errors import ResourceMissing
from governed_kernel.files import write_atomically
from governed_kernel.lineage.events import CaseResult
from governed_kernel.release.registry import RunRecord
from governed_kernel.visible import visible

__all__ = ["annex_iv_page", "engineer_page", "manager_page", "pages", "write"]

_STYLE = """
@page { size: A4; margin: 11mm 12mm; }
* { box-sizing: border-box; }
body { font: 8.6pt/1.32 "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  color: #1b1f24; background: #fff; margin: 0 auto; max-width: 186mm; padding: 4mm 0; }
@media print { body { padding: 0; max-width: none; } }
header { display: flex; justify-content: space-between; align-items: flex-end;
  border-bottom: 1.6pt solid #1f3a5f; padding-bottom: 2mm; margin-bottom: 2.5mm; }
h1 { font-size: 15pt; line-height: 1.1; margin: 0; color: #1f3a5f; overflow-wrap: anywhere; }
h1 + p { margin: .8mm 0 0; color: #57606a; }
h2 { font-size: 9pt; color: #1f3a5f; margin: 2.6mm 0 .8mm; letter-spacing: .02em; }
.badge { border-radius: 3pt; padding: 1.2mm 2.6mm; font-weight: 600; white-space: nowrap;
  border: .8pt solid; text-align: center; }
.good { color: #1a6334; background: #e6f4ea; } .bad { color: #a1231b; background: #fdecea; }
.wait { color: #7d5200; background: #fff4d6; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 0 6mm; }
.columns > div { min-width: 0; }
table { border-collapse: collapse; width: 100%; table-layout: auto; }
th { text-align: left; font-weight: 600; color: #57606a; border-bottom: .6pt solid #8c959f; }
td, th { padding: .45mm 1.6mm .45mm 0; vertical-align: top; overflow-wrap: break-word; }
td { border-bottom: .4pt solid #d8dee4; }
td.n, th.n { text-align: right; white-space: nowrap; padding-right: 3mm; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .5mm 3mm; margin: 0; }
dt { color: #57606a; } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
ul { margin: 0; padding-left: 4mm; } p { margin: 0 0 .8mm; }
code { font: 7.6pt/1.3 ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace;
  overflow-wrap: anywhere; }
td code { font-size: 6.5pt; } table + p { margin-top: 1.2mm; }
.box { border: .8pt solid; border-radius: 3pt; padding: 1.4mm 2.4mm; margin: 2mm 0 0; }
footer { margin-top: 3mm; padding-top: 1.2mm; border-top: .6pt solid #8c959f; color: #57606a;
  font-size: 7.6pt; }
tr { break-inside: avoid; }
"""
_STATES = {"released": "good", "rejected": "bad", "revoked": "bad"}
_SHORT, _SAID = 64, 200


def write(found: Dossier, folder: Path) -> list[Path]:
    """Write the three pages into `folder`; those of before are replaced."""
    made = pages(found)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in made.items():
            write_atomically(folder / name, text.encode())
    except OSError as error:
        raise ResourceMissing(
            f"the report could not be written to {folder}",
            why=error.strerror or str(error),
            next="name another folder with --output",
        ) from error
    return [folder / name for name in made]


def pages(found: Dossier) -> dict[str, str]:
    """The three pages by the names of their files."""
    return {
        "risk-manager.html": manager_page(found),
        "engineer.html": engineer_page(found),
        "annex-iv.html": annex_iv_page(found),
    }


def manager_page(found: Dossier) -> str:
    """For who answers for the risk: what for, what could go wrong, who signed, what is open."""
    card = found.card
    body = [
        _concerns(found),
        '<div class="columns"><div>',
        _section("What it decides", _said(card["use_case.decision"])),
        _section("Which rules apply", _said(card["use_case.regime"])),
        _section("What happens when it is wrong", _said(card["use_case.risk_if_wrong"])),
        _section("What it is for", _said(card["model_card.intended_use"])),
        "</div><div>",
        _section("What it is not for", _said(card["model_card.out_of_scope_use"])),
        _section("Where it is known to fail", _said(card["model_card.limitations"])),
        _section("Who answers for it", _said(card["model_card.contact"])),
        "</div></div>",
        _section("What it was made from", _materials(found)),
        _section("How it was tested", _tests(found.run)),
        _section("Risks that people accepted", _risks(found)),
        _section("Who signed", _signatures(found)),
        _section("Where it is live", _deployments(found)),
    ]
    return _page(found, "Report for risk management", body, fits=True)


def engineer_page(found: Dossier) -> str:
    """For who has to reproduce or mend it: what exactly ran, on what, with which result."""
    body = [
        _concerns(found),
        '<div class="columns"><div>',
        _section("What is bound", _bound(found)),
        "</div><div>",
        _section("What ran", _ran(found)),
        "</div></div>",
        _section("Inputs", _inputs(found)),
        _section("Cases", _cases(found.run)),
        _section("What it left", _artifacts(found.run)),
        _section("How to check it", _commands(found)),
    ]
    return _page(found, "Report for engineers", body, fits=True)


def annex_iv_page(found: Dossier) -> str:
    """Where the evidence for each point of Annex IV of the EU AI Act lies, and what is lacking."""
    rows = [
        [_b(item.point), _t(item.asks, 400), _code(item.evidence), _t(item.status)]
        for item in points(found)
    ]
    note = (
        "<p>Regulation (EU) 2024/1689, Annex IV. Paths are those in the bundle; “recorded” is "
        "evidence made by the work itself, “said” is what people wrote and signed, “partly” leaves "
        "something for people to add, and “for people” is outside of what this record can hold."
        "</p>"
    )
    table = _table(["Point", "What it asks", "Evidence", "Status"], rows)
    return _page(found, "Index of evidence by EU AI Act, Annex IV", [note, table])


# --- sections ------------------------------------------------------------------------------------


def _page(found: Dossier, title: str, body: Sequence[str], *, fits: bool = False) -> str:
    """The page; one that must fit one sheet is printed smaller the more it has to say."""
    text = "".join(body)
    size = f"@media print {{ body {{ zoom: {_scale(text):.2f} }} }}" if fits else ""
    name, state = found.release.name, found.release.state
    colour = "bad" if found.concerns() and state == "released" else _STATES.get(state, "wait")
    risk = found.bound.risk_class
    register = found.registry.register
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{_t(name)}: {_t(title)}</title><style>{_STYLE}{size}</style></head><body>"
        f"<header><div><h1>{_t(name)}</h1><p>{_t(title)} · {_t(register.name)}</p></div>"
        f'<div class="badge {colour}">{_t(state)} · risk {_t(risk, 40)}</div></header>'
        f"{text}"
        f"<footer>Made {found.moment:%Y-%m-%d %H:%M} UTC by “governed audit report” from "
        f"{found.head} verified records of the workspace’s ledger, and from the release, which was "
        f"hashed anew. Release digest <code>{_t(found.release.digest)}</code></footer>"
        "</body></html>\n"
    )


def _concerns(found: Dossier) -> str:
    concerns = found.concerns()
    if not concerns:
        said = (
            "Nothing stands against deploying it now: approvals, evidence and bundle were "
            "verified, and its data is within its retention."
        )
        return f'<div class="box good">{said}</div>'
    items = "".join(f"<li>{_t(text, 180)}</li>" for text in concerns[:4])
    more = f"<li>and {len(concerns) - 4} more</li>" if len(concerns) > 4 else ""
    return f'<div class="box bad"><b>Open</b><ul>{items}{more}</ul></div>'


def _materials(found: Dossier) -> str:
    rows = [
        [
            _t(role),
            _t(item.name, 60),
            _t(version.data_class, 30),
            _t(f"{version.rows:,}" if version.rows >= 0 else ""),
            _t(version.legal_basis or version.licence or "not stated", 60),
            _t(version.retention_until or "no end set"),
            _t(version.owner, 40),
        ]
        for role, item, version in found.inputs()
    ]
    heads = ["As", "Version", "Class", "Rows", "Legal basis or licence", "Keep until", "Owner"]
    return _table(heads, rows, most=6, right=(3,))


def _tests(run: RunRecord | None) -> str:
    if run is None or not run.evaluations:
        return "<p>No run of it was validated.</p>"
    rows = []
    for suite in run.evaluations:
        layers = dict.fromkeys(case.layer for case in suite.cases)
        for layer in layers:
            cases = [case for case in suite.cases if case.layer == layer]
            failed = [case.case_id for case in cases if case.outcome != "passed"]
            verdict = "all passed" if not failed else f"not passed: {', '.join(failed)}"
            rows.append([_t(suite.suite, 24), _t(layer, 24), str(len(cases)), _t(verdict, 80)])
    verdicts = ", ".join(item.verdict for item in run.comparisons) or "none was made"
    again = f"<p>Re-run of <code>{_t(run.run_id)}</code> by an auditor: {_t(verdicts)}.</p>"
    return _table(["Suite", "Layer", "Cases", "Outcome"], rows, most=6, right=(2,)) + again


def _risks(found: Dossier) -> str:
    if found.run is None or not found.run.acceptances:
        return "<p>None: nothing that failed was let pass.</p>"
    rows = [
        [
            _t(item.said.case_id, 40),
            _t(item.said.reason, _SHORT),
            _t(item.said.control, _SHORT),
            _t(item.said.printed_name, 40),
            f"{item.said.expires_at:%Y-%m-%d}",
            item.state_at(found.moment),
        ]
        for item in found.run.acceptances
    ]
    heads = ["Case", "Reason", "Done instead", "Signed by", "Until", "Now"]
    return _table(heads, rows, most=4)


def _signatures(found: Dossier) -> str:
    promotion = found.release.promotion
    author = ["author", promotion.printed_name, "data-scientist", promotion.signed_at, "promoted"]
    rows = [author] + [
        [
            f"for {item['for']}",
            item["printed_name"],
            item["role"],
            item["signed_at"],
            item["meaning"] if item["counts"] else f"does not count: {item['reason']}",
        ]
        for item in found.path["approvals"]
        if not item["run"] or (found.run and item["run"] == found.run.run_id)
    ]
    told = [
        [_t(what), _t(name, 32), _t(role), f"{at:%Y-%m-%d %H:%M} UTC", _t(meaning, 64)]
        for what, name, role, at, meaning in rows
    ]
    return _table(["What", "Printed name", "Role", "Signed", "Meaning"], told, most=7)


def _deployments(found: Dossier) -> str:
    rows = [
        [
            _t(f"{item['environment']}, slot {item['slot']}", 60),
            _code(item["bundle"]),
            f"{item['live_from']:%Y-%m-%d %H:%M}",
            f"{item['live_to']:%Y-%m-%d %H:%M}" if item["live_to"] else "live now",
            _t(item["person"], 20),
        ]
        for item in reversed(found.path["deployments"])
    ]
    if not rows:
        return "<p>Nowhere, and it never was.</p>"
    return _table(["Where", "Bundle", "From (UTC)", "To", "By"], rows, most=3)


def _bound(found: Dossier) -> str:
    bound, lock = found.bound, found.lock
    return _facts(
        {
            "research notebook": bound.research_notebook.path,
            "git commit": bound.git_commit or "not known",
            "release notebook": bound.notebook.sha256,
            "session": bound.session_id,
            "environment": bound.environment,
            "Python": f"{lock.python} on {lock.platform}, {len(lock.distributions)} distributions",
            "policy": bound.policy,
            "threads": str(bound.threads),
            "tolerance": ", ".join(f"{name} {value:g}" for name, value in bound.tolerance.items()),
            "modules": ", ".join(file.path for file in bound.code) or "none",
        }
    )


def _ran(found: Dossier) -> str:
    run = found.run
    if run is None:
        return "<p>It was never run.</p>"
    ended = run.ended
    return _facts(
        {
            "run": run.run_id,
            "state": f"{run.state}, by {run.started.person}",
            "started": f"{run.started.occurred_at:%Y-%m-%d %H:%M:%S} UTC",
            "seconds": f"{ended.seconds:.1f}" if ended else "",
            "parameters": ", ".join(f"{k} {v}" for k, v in run.started.parameters.items()),
            "platform": str(ended.fingerprint.get("sha256", "not known")) if ended else "",
            "re-runs": ", ".join(f"{c.rerun_id} {c.verdict}" for c in run.comparisons) or "none",
            "bundle": run.bundle.name if run.bundle else "none",
            "its digest": run.bundle.digest if run.bundle else "none",
            "verified": found.verified,
        }
    )


def _inputs(found: Dossier) -> str:
    rows = [
        [_t(role), _t(item.name, 60), _t(version.state), _code(version.sha256),
         _t(", ".join(version.never_learn) or "nothing declared", 60)]
        for role, item, version in found.inputs()
    ]  # fmt: skip
    return _table(["As", "Version", "State", "SHA-256", "Never learnt"], rows, most=8)


def _cases(run: RunRecord | None) -> str:
    if run is None or not run.evaluations:
        return "<p>No run of it was validated.</p>"
    every = [(found.suite, case) for found in run.evaluations for case in found.cases]
    every.sort(key=lambda each: each[1].outcome == "passed")  # what failed comes first
    rows = [[_t(suite, 20), *_case(case)] for suite, case in every]
    heads = ["Suite", "Layer", "Case", "Value", "Threshold", "Outcome"]
    return _table(heads, rows, most=14, right=(3, 4))


def _case(case: CaseResult) -> list[str]:
    outcome = case.outcome if case.blocking else f"{case.outcome}, not blocking"
    value, threshold = f"{case.value:.4g}", f"{case.threshold:.4g}"
    return [_t(case.layer, 20), _t(case.case_id, 40), value, threshold, _t(outcome)]


def _artifacts(run: RunRecord | None) -> str:
    items = run.ended.artifacts if run and run.ended else []
    rows = [[_t(item.name, 70), f"{item.bytes:,}", _code(item.sha256)] for item in items]
    return _table(["File", "Bytes", "SHA-256"], rows, most=7, right=(1,))


def _commands(found: Dossier) -> str:
    run = found.run
    bundle = run.bundle.name if run and run.bundle else ""
    lines = [
        f"governed audit verify bundles/{bundle}" if bundle else "governed audit verify",
        f"governed audit rerun {run.run_id} --as PERSON" if run else "",
        f"governed lineage trace {found.release.name}",
    ]
    return "".join(f"<p><code>{_t(line, 200)}</code></p>" for line in lines if line)


def _scale(text: str) -> float:
    """How small it must be printed: by its rows, headings and words, which take lines."""
    words = len(re.sub(r"<[^>]*>", "", text))
    lines = 1.1 * text.count("<tr") + 1.6 * text.count("<h2") + words / 105 + 6
    return max(0.62, min(1.0, 62 / lines))


# --- pieces --------------------------------------------------------------------------------------


def _section(title: str, content: str) -> str:
    return f"<section><h2>{_t(title)}</h2>{content}</section>"


def _said(text: str) -> str:
    return f"<p>{_t(text, _SAID) or '<b>nobody said it</b>'}</p>"


def _facts(facts: dict[str, str]) -> str:
    cells = "".join(f"<dt>{_t(k)}</dt><dd>{_t(v, 100)}</dd>" for k, v in facts.items())
    return f"<dl>{cells}</dl>"


def _table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    most: int = 99,
    right: tuple[int, ...] = (),
) -> str:
    """A table of cells that are HTML already; what is beyond `most` rows is counted."""
    if not rows:
        return "<p>None.</p>"

    def row(cells: Sequence[str], tag: str) -> str:
        told = (
            f"<{tag}{' class=n' if number in right else ''}>{cell}</{tag}>"
            for number, cell in enumerate(cells)
        )
        return f"<tr>{''.join(told)}</tr>"

    body = "".join(row(cells, "td") for cells in rows[:most])
    more = f"<p>and {len(rows) - most} more</p>" if len(rows) > most else ""
    return f"<table>{row([_t(head) for head in heads], 'th')}{body}</table>{more}"


def _t(text: str, most: int = _SHORT) -> str:
    """Text of anybody as HTML text, on one line and not longer than `most`."""
    flat = visible(" ".join(str(text).split()))
    return escape(flat if len(flat) <= most else f"{flat[: most - 1].rstrip()}…")


def _b(text: str) -> str:
    return f"<b>{_t(text)}</b>"


def _code(text: str) -> str:
    return f"<code>{_t(text, 300)}</code>"
