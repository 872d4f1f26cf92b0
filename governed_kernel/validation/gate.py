"""The rule that decides: every blocking case passed, and nothing is missing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from governed_kernel.lineage.events import CaseResult

__all__ = ["gate"]


def gate(cases: Sequence[CaseResult], required: Iterable[str] = ()) -> tuple[bool, list[str]]:
    """Whether a suite's results let a run pass, and if not, why.

    It fails closed: no cases, no blocking case, a required case that is missing or twice, a value
    that is no finite number and an outcome other than ``passed`` all say no.

    Parameters
    ----------
    cases : sequence of CaseResult
    required : iterable of str
        Ids that must be there and pass, whatever the results say of themselves: `Suite.blocking`.

    Returns
    -------
    passed : bool
    reasons : list of str
        Empty exactly when it passed.
    """
    wanted = list(dict.fromkeys(required))
    counts = Counter(case.case_id for case in cases)
    reasons = [f"{name}: the case is missing" for name in wanted if not counts[name]]
    reasons += [
        f"{name}: the case is there {count} times" for name, count in counts.items() if count > 1
    ]
    deciding = [case for case in cases if case.blocking or case.case_id in wanted]
    if not deciding:
        reasons.append("there is no blocking case, so nothing was shown")
    for case in deciding:
        if not (math.isfinite(case.value) and math.isfinite(case.threshold)):
            reasons.append(f"{case.case_id}: its value is no number")
        elif case.outcome != "passed":
            said = f" ({case.note})" if case.note else ""
            numbers = f"{case.value:.4g} against {case.threshold:.4g}"
            reasons.append(f"{case.case_id}: {case.outcome}, {numbers}{said}")
    return not reasons, reasons
