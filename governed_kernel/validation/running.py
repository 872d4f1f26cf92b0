"""Running a suite: as a preview in research, as evidence inside a validation run."""

from __future__ import annotations

import html
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from governed_kernel.canonical import canonical_json, digest_bytes
from governed_kernel.errors import Refused, UnknownName, UsageError
from governed_kernel.files import write_atomically
from governed_kernel.lineage.events import CaseResult
from governed_kernel.training.artifacts import output_folder
from governed_kernel.training.ticket import Ticket, current_ticket
from governed_kernel.validation.evidence import Case, DatasetUsed, Evidence
from governed_kernel.validation.gate import gate
from governed_kernel.validation.layers import Examination, change_surface_cases, data_cases
from governed_kernel.validation.predictor import Predict, load_predictor
from governed_kernel.validation.suite import SUITE_FILE, Suite, read_suite, suite_digest
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace

__all__ = ["SuiteResult", "run"]


class SuiteResult:
    """What a suite found, as a table in a notebook and as text elsewhere.

    Attributes
    ----------
    evidence : Evidence
        Everything that was measured.
    path : Path
        The file it was written to.
    """

    def __init__(self, evidence: Evidence, path: Path) -> None:
        self.evidence = evidence
        self.path = path

    @property
    def passed(self) -> bool:
        """Whether every blocking case passed."""
        return self.evidence.passed

    @property
    def reasons(self) -> list[str]:
        """What keeps the suite from passing."""
        return self.evidence.reasons

    @property
    def cases(self) -> list[CaseResult]:
        """The cases as the ledger records them."""
        return [case.result for case in self.evidence.cases]

    def __repr__(self) -> str:
        lines = [self._headline()]
        for case in self.evidence.cases:
            lines.append(
                f"  {case.outcome:7}{case.layer:16}{case.id:28}{case.value:9.4f}"
                f"  {case.comparison} {case.threshold:g}"
                f"{'' if case.blocking else '  (advisory)'}{'  ' + case.note if case.note else ''}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(map(_row, self.evidence.cases))
        return (
            f"<p><b>{html.escape(self._headline())}</b></p>"
            "<table><thead><tr><th>Outcome</th><th>Layer</th><th>Case</th><th>Value</th>"
            "<th>Threshold</th><th>Note</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )

    def _headline(self) -> str:
        found = self.evidence
        outcome = "passed" if found.passed else f"not passed ({len(found.reasons)} reasons)"
        meant = "" if found.kind == "validation" else "; a preview, which counts for no release"
        over = f"{found.dataset.records} records of {found.dataset.name}"
        return f"Suite {found.suite} over {over}: {outcome}{meant}"


def run(
    suite: str,
    predict: Predict | None = None,
    *,
    dataset: str = "",
    adapter: str | os.PathLike[str] | None = None,
) -> SuiteResult:
    """Run a suite of validation cases.

    In a validation run, ``run("suites/NAME")`` examines the run's adapter over the locked holdout
    by the suite's own predictor, and writes the evidence that a release rests on. Anywhere else
    it is a preview over data that may be looked at.

    Parameters
    ----------
    suite : str
        The suite's folder, as seen from the workspace.
    predict : callable, optional
        A predictor of the notebook's own; for previews.
    dataset : str, optional
        Catalogued dataset of a preview, for example ``wdbc-validation``.
    adapter : path, optional
        A saved adapter, previewed by the suite's own predictor: exactly what a validation run does.

    Returns
    -------
    SuiteResult
        The table; ``evidence/NAME.json`` (or ``NAME-preview.json``) lies in the output folder.

    Raises
    ------
    Refused
        A preview asked for the holdout.
    UsageError
        Neither `predict` nor `adapter` in a preview, or either of them in a validation run.
    """
    ticket = current_ticket()
    if ticket is not None and ticket.kind == "validation":
        if predict is not None or adapter is not None or dataset:
            raise UsageError(
                "a validation run takes its predictor, adapter and data from its ticket",
                why="evidence must come from what was approved",
                next='call validation.run("suites/NAME") alone',
            )
        return _validate(suite, ticket)
    folder = _folder_of(suite)
    found = read_suite(folder)
    _check_preview(found, predict, dataset, adapter)
    if predict is not None:
        return _examine(found, folder, predict, dataset, None, None, None)
    assert adapter is not None
    base = _base_model(found, "evaluate")
    predict = load_predictor(folder, base, Path(adapter))
    return _examine(found, folder, predict, dataset, Path(adapter), base, None)


def _validate(suite: str, ticket: Ticket) -> SuiteResult:
    if ticket.subject is None:
        raise UsageError(
            "this validation run has no subject",
            why="its ticket names no adapter",
            next="start it with 'governed validate RUN'",
        )
    folder = Path(ticket.subject.suite)
    found = read_suite(folder)
    if Path(suite).name != folder.name:
        raise UsageError(
            f"this run validates {folder.name}, not {suite}",
            why="the suite was approved with the release",
            next=f'call validation.run("suites/{folder.name}")',
        )
    if find_spec("torch") is not None:
        from governed_kernel.training.determinism import seed_everything

        # A head is made anew before the adapter's weights replace it; and kernels must be strict.
        seed_everything(0)
    adapter = Path(ticket.subject.adapter)
    base = _base_model(found, "validate")
    predict = load_predictor(folder, base, adapter)
    return _examine(found, folder, predict, found.data.holdout, adapter, base, ticket)


def _examine(
    suite: Suite,
    folder: Path,
    predict: Predict,
    dataset: str,
    adapter: Path | None,
    base: Path | None,
    ticket: Ticket | None,
) -> SuiteResult:
    from governed_kernel import data

    kind: Literal["validation", "preview"] = "preview" if ticket is None else "validation"
    records = data.load(dataset, purpose="evaluate" if ticket is None else "validate")
    examination = Examination(suite, predict, records)
    cases = data_cases(examination)
    if adapter is not None and base is not None:
        cases += change_surface_cases(suite, adapter, base)
    # Without a saved adapter a preview can't know what moved: those cases are not asked.
    asked = {case.id for case in cases}
    required = [name for name in suite.blocking if kind == "validation" or name in asked]
    passed, reasons = gate([case.result for case in cases], required)
    evidence = Evidence(
        suite=suite.name,
        suite_sha256=suite_digest(folder),
        kind=kind,
        run_id=ticket.run_id if ticket else "",
        passed=passed,
        reasons=reasons,
        cases=cases,
        classes=suite.classes,
        dataset=_used(dataset, len(records)),
        base_model=_used(suite.base_model),
        adapter_weights=_weights_of(adapter),
        confusion=examination.confusion,
        calibration=examination.bins(),
        probabilities=examination.probabilities.tolist(),
        predictions_sha256=digest_bytes(examination.probabilities.astype("<f8").tobytes()),
        device=_device(),
    )
    name = suite.name if kind == "validation" else f"{suite.name}-preview"
    path = output_folder() / "evidence" / f"{name}.json"
    write_atomically(path, canonical_json(evidence) + b"\n")
    return SuiteResult(evidence, path)


def _check_preview(
    suite: Suite,
    predict: Predict | None,
    dataset: str,
    adapter: str | os.PathLike[str] | None,
) -> None:
    if (predict is None) == (adapter is None) or not dataset:
        raise UsageError(
            "a preview needs a dataset, and either a predictor or a saved adapter",
            why="the suite's own holdout is read by validation runs alone",
            next='validation.run("suites/NAME", adapter=FOLDER, dataset="NAME-validation")',
        )
    if dataset.partition("@")[0] == suite.data.holdout:
        raise Refused(
            f"{suite.data.holdout} is the holdout of this suite",
            why="who looks at a holdout while working on a model has none any more",
            next="preview on validation data; 'governed validate RUN' uses the holdout",
        )


def _folder_of(suite: str) -> Path:
    """The suite's folder, looked for from the working directory up to the workspace's root.

    A run's working folder mirrors the workspace, so there the approved copy is found.
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / suite / SUITE_FILE).is_file():
            return folder / suite
        # A run ends at its own folder: the workspace's suites may have changed since.
        if any((folder / end).is_file() for end in (CONFIGURATION_FILE, "ticket.json")):
            break
    raise UnknownName(
        f"there is no suite {suite}",
        why=f"no folder from {here} up to the workspace has {suite}/{SUITE_FILE}",
        next="name it as seen from the workspace, such as suites/biopsy",
    )


def _base_model(suite: Suite, purpose: str) -> Path:
    from governed_kernel import data

    return data.model(suite.base_model, purpose=purpose)


def _used(name: str, records: int = -1) -> DatasetUsed:
    """Which version a name means here, with its digest."""
    ticket = current_ticket()
    if ticket is not None:
        entry = ticket.input(name)
        if entry is None:
            return DatasetUsed(name, "", records)
        return DatasetUsed(f"{entry.dataset}@{entry.version}", entry.sha256, records)
    from governed_kernel.governance.register import Register

    version = Register.read(Workspace.find()).version(name)
    return DatasetUsed(f"{version.dataset}@{version.version}", version.sha256, records)


def _weights_of(adapter: Path | None) -> str:
    if adapter is None:
        return ""
    from governed_kernel.training.weights import weights_digest

    return weights_digest(adapter).sha256


def _device() -> str:
    if find_spec("torch") is None:
        return "cpu"
    from governed_kernel.training.determinism import device

    return str(device())


def _row(case: Case) -> str:
    colour = {"passed": "#1a7f37", "failed": "#cf222e", "error": "#cf222e"}[case.outcome]
    advisory = "" if case.blocking else " <i>(advisory)</i>"
    note = " — ".join(part for part in (case.note, case.why) if part)
    return (
        f'<tr><td style="color:{colour}"><b>{case.outcome}</b></td><td>{case.layer}</td>'
        f"<td>{html.escape(case.id)}{advisory}</td><td>{case.value:.4f}</td>"
        f'<td>{case.comparison} {case.threshold:g}</td><td style="text-align:left">'
        f"{html.escape(note)}</td></tr>"
    )
