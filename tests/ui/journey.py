"""The stages of the journey; each is confirmed in the ledger by other processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import expect

from tests.extension.server import Server
from tests.loop import berries
from tests.loop.place import Place
from tests.ui.window import Window


def secret_of(person: str) -> str:
    return f"the passphrase of {person}"


def released(place: Place) -> Any:
    """What another process reads of the release in the ledger."""
    return place.done("release show sour --json").facts


def check_and_mend(window: Window, place: Place) -> None:
    page = window.page
    badge = page.locator(".jp-NotebookPanel .gn-Badge")
    expect(badge).to_contain_text("Research")
    page.locator(".gn-PromoteButton button[aria-disabled]").wait_for(state="detached")
    page.keyboard.press("Alt+g")
    page.keyboard.press("p")
    expect(window.panel.get_by_text("the notebook has no cells tagged")).to_be_visible()
    expect(window.button("Create release candidate")).to_have_attribute("aria-disabled", "true")
    window.press(window.button("Tag the cell “parameters”"))
    expect(window.panel.get_by_text("the notebook has no cells tagged")).to_be_hidden()
    expect(window.panel.get_by_role("region", name="Parameters with bounds")).to_be_focused()
    window.press(window.button("Change bounds…"))
    window.type_into(window.panel.get_by_label("Largest steps"), "450")
    window.page.keyboard.press("Enter")
    parameters = window.panel.get_by_role("table", name="Parameters")
    expect(parameters).to_contain_text("100..450")
    assert "# 100..450: passes over" in (place.root / berries.NOTEBOOK).read_text()
    window.shut_down(berries.NOTEBOOK)  # then it has to start one
    window.press(window.button("Restart and run all").first)
    expect(window.button("Restart and run all")).to_have_count(0)
    (row,) = place.done('lineage sql --json "select count(*) as n from sessions"').facts
    assert row["n"] >= 2
    page.get_by_role("tab", name="sour.ipynb").first.click()
    _see_the_mode_wherever_it_is(window)
    mark = page.locator(".gn-Mark-line", has_text="berries-train@1")
    mark.scroll_into_view_if_needed()
    expect(mark).to_contain_text("public")
    mark.focus()
    page.keyboard.press("Enter")
    detail = page.locator(".gn-Mark-detail")
    expect(detail.get_by_text("Accesses")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")  # it scrolls, and the notebook stays where it is
    expect(detail).to_be_focused()
    expect(badge).to_contain_text("accesses explained")
    assert window.scan() == []


def _see_the_mode_wherever_it_is(window: Window) -> None:
    """However narrow the notebook is, the mode stays in its toolbar; the status bar says all."""
    toolbar = window.page.locator(".jp-NotebookPanel-toolbar:visible")
    badge = toolbar.locator(".gn-Badge")
    expect(badge).to_contain_text("accesses explained")
    window.command("filebrowser:activate")
    window.command("governed:open-session")
    expect(toolbar.locator(".gn-Badge-short")).to_have_text(re.compile(r"\d+/\d+"))
    expect(toolbar.locator(".gn-Badge-short")).to_be_visible()
    expect(toolbar.locator(".gn-Badge-said")).to_be_hidden()
    whole = window.page.locator(".gn-StatusBadge .gn-Badge-said")
    expect(whole).to_contain_text("accesses explained")
    window.page.set_viewport_size({"width": 860, "height": 860})
    expect(toolbar.locator('[data-jp-item-name="kernelName"]')).to_have_count(0)
    expect(badge).to_be_visible()
    window.page.set_viewport_size({"width": 1280, "height": 860})
    window.page.evaluate(
        "() => ['Left', 'Right'].forEach(side => window.jupyterapp.shell[`collapse${side}`]())"
    )
    expect(toolbar.locator(".gn-Badge-said")).to_be_visible()


def promote(window: Window, place: Place) -> None:
    window.page.get_by_role("tab", name="Promote sour.ipynb").click()
    assert window.scan() == []
    code = window.panel.get_by_role("textbox", name="Text of code saving")
    expect(code).to_contain_text("adapter_model.safetensors")
    window.act_as("dora")
    window.panel.get_by_label("use_case.risk_class").fill("low")
    window.button("Check with these words").click()
    expect(window.panel.locator(".gn-Busy")).to_have_count(0)
    _rename_while_it_is_signed(window)
    window.sign(window.panel, secret_of("dora"), "Create release candidate")
    expect(window.panel.get_by_text("sour@1 is a candidate")).to_be_visible()
    expect(window.panel.get_by_role("alert")).to_have_count(0)
    facts = released(place)
    assert (facts["state"], facts["author"], facts["risk_class"]) == ("candidate", "dora", "low")
    _look_into_the_release(window)
    window.page.get_by_role("tab", name="Promote sour.ipynb").click()
    window.button("Open sour@1").click()
    expect(window.panel).to_contain_text(facts["digest"])


def _rename_while_it_is_signed(window: Window) -> None:
    """What comes of a signature is told in the panel of the notebook's new name, and of its old."""
    window.sign(window.panel, "a guess at it", "Create release candidate")
    for before, after in (("sour", "sweet"), ("sweet", "sour")):
        moved = f"contents.rename('research/{before}.ipynb', 'research/{after}.ipynb')"
        window.page.evaluate(f"() => window.jupyterapp.serviceManager.{moved}")
        expect(window.title).to_have_text(f"Promote research/{after}.ipynb")
    expect(window.panel.get_by_role("alert").first).to_be_visible()
    expect(window.panel.locator(".gn-Busy")).to_have_count(0)
    expect(window.panel.get_by_label("use_case.risk_class")).to_have_value("low")


def _look_into_the_release(window: Window) -> None:
    """Its notebook opens for reading, under a banner, and starts no kernel; unasked too."""
    shown = window.page.locator(".jp-NotebookPanel:visible")
    with unanswered(window):
        window.command("docmanager:open", path="release/sour@1/research/sour.ipynb")
        expect(shown.get_by_role("alert")).to_contain_text("its release is not known")
        expect(shown.locator(".cm-content").first).to_have_attribute("aria-readonly", "true")
    shown.locator(".gn-Banner").get_by_role("button", name="Try again").click()
    expect(shown.locator(".gn-Banner")).to_contain_text("candidate")
    expect(shown.locator(".gn-Banner")).to_contain_text("as it was promoted")
    expect(shown.locator(".gn-Badge")).to_contain_text("Release")
    expect(shown.locator(".cm-content").first).to_have_attribute("aria-readonly", "true")
    expect(window.page.locator(".jp-Dialog")).to_have_count(0)
    asked = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
    assert window.page.evaluate(asked) is False
    window.command("application:close")


@contextmanager
def unanswered(window: Window) -> Iterator[None]:
    """The network is down for the question which release a notebook is of."""
    question = re.compile(r"/release/notebook\?")
    window.page.route(question, lambda route: route.abort())
    yield
    window.page.unroute(question)


def approve(window: Window, place: Place) -> None:
    for person in ("rui", "kim"):
        if person == "rui":
            window.act_as(person)
            window.button("Review for a run").click()
        else:
            window.choose(window.panel.get_by_label("You are").first, "Kim")
            window.press(window.button("Review for a run"))
        form = window.panel.get_by_role("region", name="Signature")
        expect(form).to_contain_text(released(place)["digest"])
        if person == "rui":
            code = window.panel.get_by_role("textbox", name="Text of code saving")
            expect(code).to_contain_text("adapter_model.safetensors")
            assert window.scan() == []
            before = place.workspace.ledger.read_bytes()
            # who acts in another tab does not act in this one
            window.page.evaluate("() => localStorage.setItem('governed-notebooks:person', 'kim')")
            window.sign(form, "a guess at it", "Sign and approve")
            expect(form.get_by_role("alert")).to_contain_text("the key of rui did not open")
            assert not released(place)["approvals"], "only the refusal is on record"
            assert place.workspace.ledger.read_bytes().startswith(before)
        window.sign_by_keyboard(form, secret_of(person))
        expect(form).to_have_count(0)
        expect(window.button("Review for a run")).to_be_focused()  # where it was before
    approvals = released(place)["approvals"]
    assert [(item["person"], item["counts"]) for item in approvals] == [
        ("rui", True),
        ("kim", True),
    ]


def run(window: Window, place: Place, server: Server) -> str:
    window.press(window.button("Run release…"))
    window.choose(window.panel.get_by_label("behaviour"), "hang")
    window.sign_by_keyboard(window.panel, secret_of("kim"))
    expect(window.title).to_contain_text("running")
    endless = released(place)["runs"][0]["run"]
    with window.closed():
        server.restart()  # a run goes on without browser and server
    window.command("governed:open-run", run=endless)
    expect(window.title).to_contain_text("running")
    expect(window.panel.get_by_text(re.compile(r"cell \d of \d"))).to_be_visible()
    expect(window.panel.get_by_role("log")).to_contain_text(f"{endless} of sour@1")
    window.press(window.panel.locator("summary", has_text="Stop the run"))
    window.act_by_keyboard(window.panel, "Kim")
    window.sign_by_keyboard(window.panel, secret_of("kim"))
    expect(window.title).to_contain_text("interrupted")
    expect(window.button("Validate this run")).to_have_count(0)
    (row,) = released(place)["runs"]
    assert (row["run"], row["state"]) == (endless, "interrupted")
    window.press(window.panel.get_by_role("button", name="sour@1"))
    window.press(window.button("Run release…"))
    window.type_into(window.panel.get_by_label("steps"), "200")
    window.sign_by_keyboard(window.panel, secret_of("kim"))
    expect(window.title).to_contain_text("succeeded")
    _, run = released(place)["runs"]
    assert (run["state"], run["parameters"]["steps"]) == ("succeeded", 200)
    expect(window.panel.get_by_role("log")).to_contain_text("'loss'")
    window.press(window.button("Show the executed notebook"))
    frame = window.panel.frame_locator("iframe")
    expect(frame.get_by_text("Which berries are sour?")).to_be_visible()
    return str(run["run"])


def validate(window: Window, place: Place, run: str) -> None:
    form = window.panel.get_by_role("region", name="Validate")
    window.sign_by_keyboard(form, secret_of("kim"))
    expect(window.title).to_contain_text("validation-")
    expect(window.title).to_contain_text("succeeded")
    known = {item["run"]: item for item in released(place)["runs"]}
    assert known[run]["validated"] is True
    window.press(window.button("See what the suite said"))
    expect(window.title).to_contain_text("passed")
    expect(window.panel.get_by_role("table", name="Results by layer")).to_contain_text("deep-red")
    expect(window.panel.get_by_text("Rows: true class")).to_be_visible()
    assert window.scan() == []


def deploy(window: Window, place: Place) -> None:
    """Without a mouse, from the list to what is live."""
    page = window.page
    page.keyboard.press("Alt+g")
    page.keyboard.press("r")
    who = window.panel.get_by_label("You are")
    window.tab_to(who)
    page.keyboard.type("Mara")
    expect(window.panel.get_by_text("waiting for my review", exact=True).last).to_be_visible()
    assert window.scan() == []
    window.tab_to(window.button("sour@1"))
    page.keyboard.press("Enter")
    window.tab_to(window.button("Review for deployment"))
    page.keyboard.press("Enter")
    form = window.panel.get_by_role("region", name="Signature")
    window.tab_to(form.get_by_label("Passphrase"))
    page.keyboard.type(secret_of("mara"))
    page.keyboard.press("Enter")
    expect(form).to_have_count(0)
    given = [item for item in released(place)["approvals"] if item["for"] == "deployment"]
    assert [(item["person"], item["counts"]) for item in given] == [("mara", True)]
    form = window.panel.get_by_role("region", name="Deploy", exact=True)
    window.act_by_keyboard(form, "Otto")
    window.choose(form.get_by_label("Environment"), "preprod")
    window.sign_by_keyboard(form, secret_of("otto"))
    live = window.panel.get_by_role("table", name="Deployments")
    expect(live).to_contain_text("preprod/default")
    (deployment,) = released(place)["deployments"]
    assert (deployment["person"], deployment["live_to"]) == ("otto", None)
    assert window.scan() == []


def audit(window: Window, place: Place, run: str) -> None:
    window.page.keyboard.press("Alt+g")
    window.page.keyboard.press("a")
    window.press(window.button("Verify everything"))
    expect(window.panel.get_by_text("All that was read is what was recorded")).to_be_visible()
    assert place.done("audit verify --incremental --json").facts["whole"] is True
    assert window.scan() == []
    window.tab_to(window.panel.get_by_role("tab", name="Verify"))
    window.page.keyboard.press("ArrowRight")
    form = window.panel.get_by_role("tabpanel", name="Re-run")
    window.choose(form.get_by_label("Run"), run)
    window.act_by_keyboard(form, "Aida")
    window.sign_by_keyboard(form, secret_of("aida"))
    verdict = window.panel.get_by_role("region", name=f"Verdict on {run}")
    expect(verdict).to_contain_text("IDENTICAL")
    expect(verdict).to_contain_text("every tensor is the same")
    known = {item["run"]: item for item in released(place)["runs"]}
    assert [said.split(": ")[1] for said in known[run]["reruns"]] == ["IDENTICAL"]
    assert window.scan() == []
    window.panel.get_by_role("tab", name="Time travel").click()
    expect(window.panel.get_by_role("table", name="Live")).to_contain_text("preprod/default")
    window.panel.get_by_label("What ran on").fill("2001-01-01")
    expect(window.panel.get_by_role("alert")).to_contain_text("did not exist")
    window.panel.get_by_role("tab", name="Impact").click()
    window.panel.get_by_label("What came of").select_option("berries@1")
    expect(window.panel.get_by_role("table", name="Releases")).to_contain_text("sour@1")
    told = place.done("recall plan berries@1 --json").facts
    assert [item["release"] for item in told["releases"]] == ["sour@1"]
    files = window.panel.get_by_role("table", name="Files")
    assert told["files"]
    expect(files.get_by_role("row")).to_have_count(len(told["files"]) + 1)
    row = files.get_by_role("row", name=told["files"][0]["path"])
    first = told["files"][0]
    since = "changed" if first["changed_since"] else "as it was written"
    for said in (*first["made_from"], "public", first["session"], since):
        expect(row).to_contain_text(said)
    derived = place.workspace.derived
    aside = derived.rename(derived.with_name("aside"))
    derived.mkdir()  # a list that can't be read
    window.panel.get_by_label("What came of").select_option("berries-holdout@1")
    unread = window.panel.get_by_role("region", name="Could not be read")
    expect(unread).to_contain_text("files made in sessions")
    expect(unread).to_contain_text("nobody can tell")
    derived.rmdir()
    aside.rename(derived)
    window.panel.get_by_label("What came of").select_option("berries-train@1")
    expect(unread).to_have_count(0)
    window.panel.get_by_label("What came of").select_option("berries-holdout@1")
    expect(window.panel.get_by_role("region", name="Files that")).to_contain_text("No session")
    window.panel.get_by_role("tab", name="Sessions").click()
    window.panel.get_by_label("Search").fill("SOUR.IPYNB")
    sessions = window.panel.get_by_role("table", name="Sessions")
    expect(sessions).to_contain_text("sealed")
    window.panel.get_by_label("Search").fill(run)
    expect(sessions.get_by_role("row")).to_have_count(2)
    for name in ("sour@1", run):
        expect(sessions.get_by_role("button", name=name, exact=True)).to_be_visible()
    window.panel.get_by_role("tab", name="Readers").click()
    window.type_into(window.panel.get_by_label("Who read"), "berries-holdout@1")
    window.page.keyboard.press("Enter")
    readers = window.panel.get_by_role("table", name="Readers")
    expect(readers).to_contain_text("validate")
    told = place.done("lineage readers berries-holdout@1 --json").facts
    expect(readers.get_by_role("row")).to_have_count(len(told) + 1)
    window.panel.get_by_role("tab", name="Report").click()
    window.button("Write the report").click()
    with window.page.expect_download() as saved:
        window.button("Download annex-iv.html").click()
    assert "sour@1" in saved.value.path().read_text()


def accept_a_risk(window: Window, place: Place) -> str:
    """A run that fails one case goes on when who may do so signs for it, until a day."""
    weak = place.done("run sour --as otto -p steps 100 -p learning_rate 0.01 --json").facts["run"]
    assert place.governed(f"validate {weak} --as otto").code == 1
    window.page.keyboard.press("Alt+g")
    window.page.keyboard.press("v")
    window.press(window.panel.locator("tr", has_text=weak).get_by_role("button").first)
    form = window.panel.get_by_role("region", name="Accept a risk")
    expect(form).to_contain_text("deep-red")
    day = datetime.now(UTC) + timedelta(days=30)
    window.tab_to(form.get_by_label("Until"))
    window.page.keyboard.type(f"{day:%m%d%Y}")  # as the browser's own field takes it
    window.type_into(form.get_by_label("Why"), "the cake is for us")
    window.type_into(form.get_by_label("What is done instead"), "a cook tastes every berry")
    window.act_by_keyboard(form, "Mara")
    assert window.scan() == []
    window.sign_by_keyboard(form, secret_of("mara"))
    expect(form).to_have_count(0)
    expect(window.title).to_be_focused()
    (said,) = place.events("RiskAcceptance")
    assert (said.case_id, said.person) == ("deep-red", "mara")
    assert timedelta(days=29) < said.expires_at - datetime.now(UTC) < timedelta(days=32)
    known = {item["run"]: item for item in released(place)["runs"]}
    assert known[weak]["validated"] is True
    return str(weak)


def roll_back(window: Window, place: Place, run: str, second: str) -> None:
    """To what was live before another run was put there, by people who work in a terminal."""
    place.done_here(f"approve sour --run {second} --for deployment --meaning approved {{mara}}")
    place.done_here(f"deploy sour --run {second} --env preprod {{otto}}")
    window.command("governed:open-release", release="sour@1")
    live = window.panel.get_by_role("table", name="Deployments")
    expect(live.get_by_role("row")).to_have_count(3)
    form = window.panel.get_by_role("region", name="Roll back")
    window.act_by_keyboard(form, "Otto")
    window.sign_by_keyboard(form, secret_of("otto"))
    expect(live.get_by_role("row")).to_have_count(4)
    known = {item["bundle"]: item["run"] for item in released(place)["runs"] if item["bundle"]}
    (now,) = [item for item in released(place)["deployments"] if item["live_to"] is None]
    assert known[now["bundle"]] == run
    assert second in known.values()
    window.command("governed:open-runs")
    for name in (run, second):
        window.tab_to(window.panel.get_by_label(f"Compare {name}"))
        window.page.keyboard.press("Space")
    compared = window.panel.get_by_role("table", name="Comparison")
    expect(compared.get_by_role("row", name="steps")).to_contain_text("100")
    same = compared.get_by_role("rowheader", name="seed", exact=True)
    expect(same).to_have_count(0)
    window.tab_to(window.panel.get_by_label("only differences"))
    window.page.keyboard.press("Space")
    expect(same).to_be_visible()
