"""Reports as pages: for a risk manager, for an engineer, and by points of the EU AI Act.

Each is one self-contained HTML file that prints to one A4 page (the index to a few), without
scripts or anything from elsewhere. Whatever people wrote is shown as text, shortened where it would
not fit; ``card.toml`` in the release has the whole of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from governed_kernel.audit.annex_iv import points
from governed_kernel.audit.dossier import Dossier
from governed_kernel.audit.sheet import (
    SHORT,
    STYLE,
    bold,
    code,
    facts,
    scale,
    section,
    table,
    whole,
    words,
)
from governed_kernel.errors import ResourceMissing
from governed_kernel.files import write_atomically
from governed_kernel.governance import authorization
from governed_kernel.lineage.events import CaseResult, DatasetRegistered
from governed_kernel.release.registry import RunRecord

__all__ = ["annex_iv_page", "engineer_page", "manager_page", "pages", "write"]

_STATES = {"released": "good", "rejected": "bad", "revoked": "bad"}
_SAID = 200
_OTHERS = "<p>Tests and signatures on this page are those of the bundle that it is headed by.</p>"


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
        section("What it decides", _said(card["use_case.decision"])),
        section("Which rules apply", _said(card["use_case.regime"])),
        section("What happens when it is wrong", _said(card["use_case.risk_if_wrong"])),
        section("What it is for", _said(card["model_card.intended_use"])),
        "</div><div>",
        section("What it is not for", _said(card["model_card.out_of_scope_use"])),
        section("Where it is known to fail", _said(card["model_card.limitations"])),
        section("Who answers for it", _said(card["model_card.contact"])),
        "</div></div>",
        section("What it was made from", _materials(found)),
        section("How it was tested", _tests(found.run)),
        section("Risks that people accepted", _risks(found)),
        section("What was taken back", _recalls(found)),
        section("Who signed", _signatures(found)),
        section("Where it is live", _deployments(found)),
    ]
    return _page(found, "Report for risk management", body, fits=True)


def engineer_page(found: Dossier) -> str:
    """For who has to reproduce or mend it: what exactly ran, on what, with which result."""
    body = [
        _concerns(found),
        '<div class="columns"><div>',
        section("What is bound", _bound(found)),
        "</div><div>",
        section("What ran", _ran(found)),
        "</div></div>",
        section("Inputs", _inputs(found)),
        section("Cases", _cases(found)),
        section("What it left", _artifacts(found.run)),
        section("How to check it", _commands(found)),
    ]
    return _page(found, "Report for engineers", body, fits=True)


def annex_iv_page(found: Dossier) -> str:
    """Where the evidence for each point of Annex IV of the EU AI Act lies, and what is lacking."""
    rows = [
        [bold(item.point), words(item.asks, 400), code(item.evidence), whole(item.status)]
        for item in points(found)
    ]
    note = (
        "<p>Regulation (EU) 2024/1689, Annex IV. Paths are those in the bundle; “recorded” is "
        "evidence made by the work itself, “said” is what people wrote and signed, “partly” leaves "
        "something for people to add, and “for people” is outside of what this record can hold."
        "</p>"
    )
    rows_shown = table(["Point", "What it asks", "Evidence", "Status"], rows)
    return _page(found, "Index of evidence by EU AI Act, Annex IV", [note, rows_shown])


# --- sections ------------------------------------------------------------------------------------


def _page(found: Dossier, title: str, body: Sequence[str], *, fits: bool = False) -> str:
    """The page; one that must fit one sheet is printed smaller the more it has to say."""
    text = "".join(body)
    size = f"@media print {{ body {{ zoom: {scale(text):.2f} }} }}" if fits else ""
    name, state = found.release.name, found.release.state
    colour = "bad" if found.concerns() and state == "released" else _STATES.get(state, "wait")
    risk = found.bound.risk_class
    register = found.registry.register
    told = found.run.bundle.name if found.run and found.run.bundle else "no bundle"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{words(name)}: {words(title)}</title><style>{STYLE}{size}</style></head><body>"
        f"<header><div><h1>{words(name)}</h1>"
        f"<p>{words(title)} · {words(register.name)} · {words(told)}</p></div>"
        f'<div class="badge {colour}">{words(state)} · risk {words(risk, 40)}</div></header>'
        f"{text}"
        f"<footer>Made {found.moment:%Y-%m-%d %H:%M} UTC by “governed audit report” from "
        f"{found.head} verified records of the workspace’s ledger, and from the release, which was "
        f"hashed anew. Release digest <code>{words(found.release.digest)}</code></footer>"
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
    items = "".join(f"<li>{words(text, 180)}</li>" for text in concerns[:4])
    more = f"<li>and {len(concerns) - 4} more</li>" if len(concerns) > 4 else ""
    return f'<div class="box bad"><b>Open</b><ul>{items}{more}</ul></div>'


def _said(text: str) -> str:
    return f"<p>{words(text, _SAID) or '<b>nobody said it</b>'}</p>"


def _materials(found: Dossier) -> str:
    rows = [
        [
            words(role),
            words(item.name, 60),
            words(version.data_class, 30),
            words(f"{version.rows:,}" if version.rows >= 0 else ""),
            words(version.legal_basis or version.licence or "not stated", 60),
            words(_kept(version)),
            words(version.owner, 40),
        ]
        for role, item, version in found.inputs()
    ]
    heads = ["As", "Version", "Class", "Rows", "Legal basis or licence", "Keep until", "Owner"]
    return table(heads, rows, most=6, right=(3,))


def _kept(version: DatasetRegistered) -> str:
    passed = ", which has passed" if authorization.is_expired(version) else ""
    return f"{version.retention_until}{passed}" or "no end set"


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
            rows.append(
                [words(suite.suite, 24), words(layer, 24), str(len(cases)), words(verdict, 80)]
            )
    verdicts = ", ".join(item.verdict for item in run.comparisons) or "none was made"
    again = f"<p>Re-run of <code>{words(run.run_id)}</code> by an auditor: {words(verdicts)}.</p>"
    return table(["Suite", "Layer", "Cases", "Outcome"], rows, most=6, right=(2,)) + again


def _risks(found: Dossier) -> str:
    if found.run is None or not found.run.acceptances:
        return "<p>None: nothing that failed was let pass.</p>"
    rows = [
        [
            words(item.said.case_id, 40),
            words(item.said.reason, SHORT),
            words(item.said.control, SHORT),
            words(item.said.printed_name, 40),
            f"{item.said.expires_at:%Y-%m-%d}",
            item.state_at(found.moment),
        ]
        for item in found.run.acceptances
    ]
    heads = ["Case", "Reason", "Done instead", "Signed by", "Until", "Now"]
    return table(heads, rows, most=4)


def _recalls(found: Dossier) -> str:
    if not found.path["recalls"]:
        return "<p>Nothing of what it was made from.</p>"
    rows = [
        [
            words(", ".join(item["versions"]), 60),
            f"{item['at']:%Y-%m-%d}",
            words(item["reason"]),
            words(item["state"]),
            words(
                f"{item['answered_by']}: {item['answer']}" if item["answered_by"] else "nobody yet"
            ),
        ]
        for item in reversed(found.path["recalls"])
    ]
    return table(["Data", "On", "Why", "Now", "Answered by"], rows, most=3)


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
        [words(what), words(name, 32), words(role), f"{at:%Y-%m-%d %H:%M} UTC", words(meaning, 64)]
        for what, name, role, at, meaning in rows
    ]
    return table(["What", "Printed name", "Role", "Signed", "Meaning"], told, most=7)


def _deployments(found: Dossier) -> str:
    rows = [
        [
            words(f"{item['environment']}, slot {item['slot']}", 60),
            code(item["bundle"]),
            f"{item['live_from']:%Y-%m-%d %H:%M}",
            f"{item['live_to']:%Y-%m-%d %H:%M}" if item["live_to"] else "live now",
            words(item["person"], 20),
        ]
        for item in reversed(found.path["deployments"])
    ]
    if not rows:
        return "<p>Nowhere, and it never was.</p>"
    rows_shown = table(["Where", "Bundle", "From (UTC)", "To", "By"], rows, most=3)
    live = {item["bundle"] for item in found.path["deployments"] if item["live_to"] is None}
    return rows_shown + (_OTHERS if len(live) > 1 else "")


def _bound(found: Dossier) -> str:
    bound, lock = found.bound, found.lock
    return facts(
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
    return facts(
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
        [words(role), words(item.name, 60), words(version.state), code(version.sha256),
         words(", ".join(version.never_learn) or "nothing declared", 60)]
        for role, item, version in found.inputs()
    ]  # fmt: skip
    return table(["As", "Version", "State", "SHA-256", "Never learnt"], rows, most=8)


def _cases(dossier: Dossier) -> str:
    run = dossier.run
    if run is None or not run.evaluations:
        return "<p>No run of it was validated.</p>"
    known = dossier.thresholds()
    every = [
        (found.suite, case, known.get((found.suite_sha256, case.case_id), f"{case.threshold:.4g}"))
        for found in run.evaluations
        for case in found.cases
    ]
    every.sort(key=lambda each: each[1].outcome == "passed")  # what failed comes first
    rows = [[words(suite, 20), *_case(case, threshold)] for suite, case, threshold in every]
    heads = ["Suite", "Layer", "Case", "Value", "Threshold", "Outcome"]
    return table(heads, rows, most=14, right=(3, 4))


def _case(case: CaseResult, threshold: str) -> list[str]:
    outcome = case.outcome if case.blocking else f"{case.outcome}, not blocking"
    named = words(case.layer, 20), words(case.case_id, 40)
    return [*named, f"{case.value:.4g}", words(threshold), words(outcome)]


def _artifacts(run: RunRecord | None) -> str:
    items = run.ended.artifacts if run and run.ended else []
    rows = [[words(item.name, 70), f"{item.bytes:,}", code(item.sha256)] for item in items]
    return table(["File", "Bytes", "SHA-256"], rows, most=7, right=(1,))


def _commands(found: Dossier) -> str:
    run = found.run
    bundle = run.bundle.name if run and run.bundle else ""
    lines = [
        f"governed audit verify bundles/{bundle}" if bundle else "governed audit verify",
        f"governed audit rerun {run.run_id} --as PERSON" if run else "",
        f"governed lineage trace {found.release.name}",
    ]
    return "".join(f"<p><code>{words(line, 200)}</code></p>" for line in lines if line)
