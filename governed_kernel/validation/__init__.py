"""Suites of validation cases, scenarios, gates and their evidence.

``validation.run("suites/NAME", …)`` previews a suite in research, on data that may be looked at,
and makes the evidence inside a validation run, on the locked holdout.
"""

from governed_kernel.validation.evidence import Case, Evidence, read_evidence
from governed_kernel.validation.gate import gate
from governed_kernel.validation.running import SuiteResult, run
from governed_kernel.validation.suite import Suite, Tolerance, read_suite, suite_digest, suite_files

__all__ = [
    "Case",
    "Evidence",
    "Suite",
    "SuiteResult",
    "Tolerance",
    "gate",
    "read_evidence",
    "read_suite",
    "run",
    "suite_digest",
    "suite_files",
]
