"""What is slow to import and seldom used is imported when it is used, and works as before."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("rfc3987_syntax")

_DEFERRED = "from governed_kernel.deferred import defer_iri_grammars; defer_iri_grammars()\n"


def told(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_reading_a_notebook_builds_no_grammar() -> None:
    program = "import sys, nbformat\nprint('lark' in sys.modules)"
    assert told(program) == ["True"]
    assert told(_DEFERRED + program) == ["False"]


def test_a_schema_that_asks_for_them_is_answered_as_before() -> None:
    program = """
import jsonschema
schema = {"type": "string", "format": "iri"}
checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
print(*(validator.is_valid(said) for said in ("https://example.org/é", "no iri", "")))
"""
    assert told(_DEFERRED + program) == told(program) == ["True", "False", "False"]


def test_whoever_takes_something_else_of_it_gets_it() -> None:
    program = "import rfc3987_syntax\nprint(rfc3987_syntax.is_valid_syntax_iri('a:b'))"
    assert told(_DEFERRED + program) == ["True"]
