"""The published corpus of access idioms, held to what it shows today.

Every idiom is seen, in its cell and by its observer, or it stands among the exceptions with the
reason. Nothing may go unseen by both the observers and the witness.
"""

from __future__ import annotations

import pytest

from tests.benchmarks.corpus import IDIOMS
from tests.benchmarks.corpus.exceptions import KNOWN
from tests.benchmarks.corpus.idiom import Idiom
from tests.benchmarks.corpus.judging import Verdict, judge
from tests.benchmarks.corpus.services import SECRETS
from tests.benchmarks.corpus.session import Session, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return run(tmp_path_factory.mktemp("corpus"), IDIOMS)


@pytest.fixture(scope="module")
def verdicts(session: Session) -> dict[str, Verdict]:
    return {verdict.idiom.name: verdict for verdict in judge(session, IDIOMS)}


@pytest.mark.parametrize("idiom", IDIOMS, ids=lambda idiom: idiom.name)
def test_an_idiom_is_seen_or_its_exception_has_a_reason(
    idiom: Idiom, verdicts: dict[str, Verdict]
) -> None:
    verdict = verdicts[idiom.name]
    if verdict.not_run:
        pytest.skip(f"NOT RUN: {verdict.not_run}")
    assert not verdict.error
    if idiom.name in KNOWN:
        assert not verdict.passes, "it is seen now: take it off the list in corpus/exceptions.py"
        assert verdict.seen == "witness", verdict.complaint
        assert (verdict.cell, verdict.extra) == ("right", []), verdict.complaint
    else:
        assert verdict.passes, verdict.complaint


def test_every_idiom_has_a_name_of_its_own() -> None:
    assert len({idiom.name for idiom in IDIOMS}) == len(IDIOMS) > 100


def test_the_reads_that_other_tools_were_measured_with_are_all_there() -> None:
    assert sum(idiom.in_notes for idiom in IDIOMS) == 32


def test_every_exception_is_an_idiom() -> None:
    assert set(KNOWN) <= {idiom.name for idiom in IDIOMS}


def test_no_observer_failed(session: Session) -> None:
    assert not [(lost.observer, session.texts.get(lost.error)) for lost in session.lost]


def test_no_credential_is_in_the_record(session: Session) -> None:
    """Passwords, tokens and keys of addresses and headers; the cells' own text is not of them."""
    from governed_kernel.lineage.events import CellStarted

    sources = {event.source for event in session.events if isinstance(event, CellStarted)}
    said = [text for digest, text in session.texts.items() if digest not in sources]
    said += [str(event) for event in session.events]
    assert not [(secret, text) for secret in SECRETS for text in said if secret in text]
