"""The whole journey in a browser; what is clicked is confirmed in the ledger by other processes."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from tests.extension.server import Server
from tests.loop import berries
from tests.loop.place import Place
from tests.ui.window import Window

pytestmark = pytest.mark.slow


def secret_of(person: str) -> str:
    return f"the passphrase of {person}"


@pytest.fixture(scope="module")
def window(browser: Browser, server: Server, place: Place) -> Iterator[Window]:
    path = place.root / berries.NOTEBOOK
    document = nbformat.read(path, as_version=4)
    document.cells[1].metadata.pop("tags")  # something to mend at one click
    nbformat.write(document, path)
    found = Window(browser, server, berries.NOTEBOOK)
    yield found
    assert not [error for error in found.errors if "governed" in error], found.errors
    found.close()


def test_the_journey_from_a_research_notebook_to_an_approval_for_deployment(
    window: Window, place: Place, server: Server
) -> None:
    _check_and_mend(window, place)
    _promote(window, place)
    _approve(window, place)
    run = _run(window, place, server)
    _validate(window, place, run)
    _deploy(window, place)


def _check_and_mend(window: Window, place: Place) -> None:
    page = window.page
    badge = page.locator(".jp-NotebookPanel .gn-Badge")
    expect(badge).to_contain_text("Research")
    page.locator(".gn-PromoteButton button[aria-disabled]").wait_for(state="detached")
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(window.panel.get_by_text("the notebook has no cells tagged")).to_be_visible()
    expect(window.button("Create release candidate")).to_have_attribute("aria-disabled", "true")
    window.button("Tag the cell “parameters”").click()
    expect(window.panel.get_by_text("the notebook has no cells tagged")).to_be_hidden()
    window.button("Restart and run all").first.click()
    expect(window.button("Restart and run all")).to_have_count(0)
    (row,) = place.done_here('lineage sql --json "select count(*) as n from sessions"').facts
    assert row["n"] >= 2
    page.get_by_role("tab", name="sour.ipynb").first.click()
    mark = page.locator(".gn-Mark-line", has_text="berries-train@1")
    mark.scroll_into_view_if_needed()
    expect(mark).to_contain_text("public")
    mark.click()
    expect(page.locator(".gn-Mark-detail").get_by_text("Accesses")).to_be_visible()
    expect(badge).to_contain_text("accesses explained")
    assert window.scan() == []


def _promote(window: Window, place: Place) -> None:
    window.page.get_by_role("tab", name="Promote sour.ipynb").click()
    assert window.scan() == []
    window.act_as("dora")
    window.panel.get_by_label("use_case.risk_class").fill("low")
    window.button("Check with these words").click()
    expect(window.panel.locator(".gn-Busy")).to_have_count(0)
    window.sign(window.panel, secret_of("dora"), "Create release candidate")
    expect(window.panel.get_by_text("sour@1 is a candidate")).to_be_visible()
    facts = place.release()
    assert (facts["state"], facts["author"], facts["risk_class"]) == ("candidate", "dora", "low")
    window.button("Open sour@1").click()
    expect(window.panel).to_contain_text(facts["digest"])


def _approve(window: Window, place: Place) -> None:
    for person in ("rui", "kim"):
        window.act_as(person)
        window.button("Review for a run").click()
        form = window.panel.get_by_role("region", name="Signature")
        expect(form).to_contain_text(place.release()["digest"])
        if person == "rui":
            assert window.scan() == []
            before = place.workspace.ledger.read_bytes()
            window.sign(form, "a guess at it", "Sign and approve")
            expect(form.get_by_role("alert")).to_contain_text("passphrase")
            assert not place.release()["approvals"], "only the refusal is on record"
            assert place.workspace.ledger.read_bytes().startswith(before)
        window.sign(form, secret_of(person), "Sign and approve")
        expect(form).to_have_count(0)
    approvals = place.release()["approvals"]
    assert [(item["person"], item["counts"]) for item in approvals] == [
        ("rui", True),
        ("kim", True),
    ]


def _run(window: Window, place: Place, server: Server) -> str:
    window.button("Run release…").click()
    window.panel.get_by_label("steps").fill("200")
    window.sign(window.panel, secret_of("kim"), "Start the run")
    expect(window.panel.get_by_role("log")).to_be_visible()
    server.restart()  # the run goes on without it, and the page finds its way back
    expect(window.panel.get_by_role("heading", level=1)).to_contain_text("succeeded")
    (run,) = place.release()["runs"]
    assert (run["state"], run["parameters"]["steps"]) == ("succeeded", 200)
    expect(window.panel.get_by_role("log")).to_contain_text("'loss'")
    window.button("Show the executed notebook").click()
    frame = window.panel.frame_locator("iframe")
    expect(frame.get_by_text("Which berries are sour?")).to_be_visible()
    return str(run["run"])


def _validate(window: Window, place: Place, run: str) -> None:
    form = window.panel.get_by_role("region", name="Validate")
    window.sign(form, secret_of("kim"), "Validate this run")
    expect(window.panel.get_by_role("heading", level=1)).to_contain_text("validation-")
    expect(window.panel.get_by_role("heading", level=1)).to_contain_text("succeeded")
    known = {item["run"]: item for item in place.release()["runs"]}
    assert known[run]["validated"] is True


def _deploy(window: Window, place: Place) -> None:
    window.command("governed:open-releases")
    window.act_as("mara")
    expect(window.panel.get_by_text("waiting for my review", exact=True).last).to_be_visible()
    assert window.scan() == []
    window.button("sour@1").click()
    window.button("Review for deployment").click()
    form = window.panel.get_by_role("region", name="Signature")
    window.sign(form, secret_of("mara"), "Sign and approve")
    expect(form).to_have_count(0)
    given = [item for item in place.release()["approvals"] if item["for"] == "deployment"]
    assert [(item["person"], item["counts"]) for item in given] == [("mara", True)]


def test_a_denied_read_explains_itself_in_the_dark_too(
    window: Window, place: Place, server: Server
) -> None:
    page = window.page
    window.command("apputils:change-theme", theme="JupyterLab Dark")
    window.command("docmanager:open", path=berries.NOTEBOOK)
    page.wait_for_selector(".jp-NotebookPanel:visible .gn-Badge")
    window.command("notebook:insert-cell-below")
    page.keyboard.press("Enter")
    page.keyboard.type('from governed_kernel import data\ndata.load("berries-holdout")')
    page.keyboard.press("Control+Enter")
    denied = page.locator(".gn-Denied").first
    expect(denied).to_contain_text("locked-holdout")
    expect(denied).to_contain_text("use the training or validation part")
    expect(page.locator(".jp-NotebookPanel .gn-Badge")).to_contain_text("1 denied")
    rows = place.done_here(
        "lineage sql --json \"select uri from accesses where decision = 'denied'\""
    ).facts
    assert rows
    assert window.scan() == []
