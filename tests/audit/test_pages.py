"""Reports for people: the facts, nothing that a viewer would act on, and one page each."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from governed_kernel.audit import annex_iv, pages
from governed_kernel.audit.dossier import Dossier
from governed_kernel.lineage.events import CaseResult, DatasetRegistered
from governed_kernel.release import intake
from governed_kernel.release.manifest import Input
from tests.loop.refusal import alter
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> \x1b[2J \u202e &amp; "
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def dossier(stages: Stages) -> Dossier:
    with stages.released.inside():
        return Dossier.read(stages.released.workspace, "sour")


@pytest.fixture(scope="module")
def worst(dossier: Dossier) -> Dossier:
    """Everything as long and as hostile as it can be."""
    long = (HOSTILE * 200)[:4000]
    (approval, *_), (live, *_) = dossier.path["approvals"], dossier.path["deployments"]
    taken = {"versions": [long] * 3, "at": live["live_from"], "reason": long, "state": "open"}
    path = {
        **dossier.path,
        "recalls": [{**taken, "answered_by": long, "answer": long}] * 30,
        "approvals": [{**approval, "printed_name": long, "reason": long, "run": ""}] * 30,
        "deployments": [{**live, "person": long}] * 30,
    }
    assert dossier.run is not None
    (found,) = dossier.run.validations
    cases = [_failed(case, long) for case in found.cases] * 10
    run = dataclasses.replace(
        dossier.run, validations=[msgspec.structs.replace(found, suite=long, cases=cases)]
    )
    card = dict.fromkeys(intake.FIELDS, long)
    return dataclasses.replace(dossier, path=path, card=card, run=run, verified=f"not {long}")


def _failed(case: CaseResult, long: str) -> CaseResult:
    return msgspec.structs.replace(case, case_id=long, layer=long, outcome="failed")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


WRITERS = {
    "risk-manager": pages.manager_page,
    "engineer": pages.engineer_page,
    "annex-iv": pages.annex_iv_page,
}


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_that_somebody_wrote_is_acted_on(worst: Dossier, name: str) -> None:
    text = WRITERS[name](worst)
    parser = Tags()
    parser.feed(text)
    allowed = {
        *("html", "head", "meta", "title", "style", "body", "header", "footer", "section", "div"),
        *("h1", "h2", "p", "b", "ul", "li", "dl", "dt", "dd", "table", "tr", "th", "td", "code"),
    }
    assert {tag for tag, _ in parser.found} <= allowed
    assert {key for _, given in parser.found for key in given} <= {
        *("lang", "charset", "http-equiv", "content", "class")
    }
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|url\(|@import|[\x00-\x09\x0b-\x1f\u202e]", text)


def test_the_facts_are_there(stages: Stages, tmp_path: Path) -> None:
    place = stages.released
    facts = place.done_here(f"audit report sour --html --json --output {tmp_path}").facts
    assert facts["open"] == []
    assert facts["bundle"] == "every byte is as it was sealed"
    manager, engineer, index = (Path(page).read_text() for page in facts["pages"])
    for words in ("A sour cake", "Mushrooms", "Kim", "domain-expert", "live now", "released"):
        assert words in manager
    (artifact, *_) = next(event for event in place.events("RunEnded") if event.artifacts).artifacts
    for words in (artifact.sha256, stages.run_id, "recall-sour", "berries-train@1"):
        assert words in engineer
    assert ">at least 0.7<" in engineer
    assert "2(g)" in index
    listed = {row["point"]: row["status"] for row in facts["annex_iv"]}
    assert set(listed) == {
        *(f"1({letter})" for letter in "abcdefgh"),
        *(f"2({letter})" for letter in "abcdefgh"),
        *"3456789",
    }
    assert (listed["1(a)"], listed["2(g)"], listed["8"]) == ("said", "recorded", "for people")
    assert "<div class=whole>for people</div>" in index, "it is set on one line"


class Kept(Dossier):
    """The same release, from data that had to be gone by a day."""

    until = ""

    def version(self, item: Input) -> DatasetRegistered:
        return msgspec.structs.replace(super().version(item), retention_until=self.until)


def test_a_day_that_has_passed_is_said_to_have(dossier: Dossier) -> None:
    found = Kept(**vars(dossier))
    for until, said in (
        ("2020-01-01", "2020-01-01, which has passed"),
        ("2999-01-01", "2999-01-01"),
        ("", "no end set"),
    ):
        found.until = until
        assert f">{said}<" in pages.manager_page(found)


def test_every_file_that_the_index_names_is_in_the_bundle(dossier: Dossier, stages: Stages) -> None:
    (folder,) = stages.released.workspace.bundles.iterdir()
    named = {
        word
        for point in annex_iv.points(dossier)
        for word in re.findall(r"[\w./*-]+(?:\.\w+|/)(?=[,; )]|$)", point.evidence)
        if word not in ("governed.toml", "risk_acceptances/")
    }
    assert len(named) > 15
    assert [name for name in named if not list(folder.glob(name.rstrip("/")))] == []


def test_what_stands_against_it_is_said_first(stages: Stages, tmp_path: Path) -> None:
    place = stages.released.copy(tmp_path)
    (folder,) = place.workspace.bundles.iterdir()
    alter(folder / "README.md")
    place.done_here("people revoke-key mara --reason 'laptop stolen' {ada}")
    place.done_here("data withdraw berries@1 --reason 'not ours' {dora}")
    said = " ".join(place.done_here("audit report sour --json").facts["open"])
    for words in ("README.md", "the key of mara was revoked", "was recalled (open): not ours"):
        assert words in said
    assert "It is live all the same: preprod/default" in said


@pytest.mark.skipif(CHROMIUM is None, reason="it takes chromium to print a page")
@pytest.mark.parametrize("name", ["risk-manager", "engineer"])
def test_it_prints_to_one_page_whatever_people_wrote(
    worst: Dossier, name: str, tmp_path: Path
) -> None:
    assert CHROMIUM is not None
    (tmp_path / "page.html").write_text(WRITERS[name](worst))
    subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"),
            *(f"--user-data-dir={tmp_path}", f"--print-to-pdf={tmp_path / 'page.pdf'}"),
            (tmp_path / "page.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    printed = (tmp_path / "page.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
