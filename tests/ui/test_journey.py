"""The whole journey in a browser; what is clicked is confirmed in the ledger by other processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Response, expect

from tests.extension.server import Server
from tests.loop import berries
from tests.loop.place import Place
from tests.ui import language
from tests.ui.window import Window

pytestmark = pytest.mark.slow
PANELS: list[tuple[str, dict[str, str]]] = [
    ("governed:open-releases", {}),
    ("governed:open-release", {"release": "sour@1"}),
    ("governed:open-runs", {}),
    ("governed:open-validation", {}),
    ("governed:open-audit", {"name": "berries@1"}),
    ("governed:open-catalog", {}),
    ("governed:open-version", {"name": "berries@1"}),
    ("governed:start-run", {"release": "sour@1"}),
    ("governed:open-lineage", {"target": "sour@1"}),
]


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


def released(place: Place) -> Any:
    """What another process reads of the release in the ledger."""
    return place.done("release show sour --json").facts


def test_the_journey_from_a_research_notebook_to_a_rollback(
    window: Window, place: Place, server: Server
) -> None:
    _check_and_mend(window, place)
    _promote(window, place)
    _approve(window, place)
    run = _run(window, place, server)
    _validate(window, place, run)
    _deploy(window, place)
    _audit(window, place, run)
    second = _accept_a_risk(window, place)
    _roll_back(window, place, run, second)


def _check_and_mend(window: Window, place: Place) -> None:
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
    code = window.panel.get_by_role("textbox", name="Text of code saving")
    expect(code).to_contain_text("adapter_model.safetensors")
    window.act_as("dora")
    window.panel.get_by_label("use_case.risk_class").fill("low")
    window.button("Check with these words").click()
    expect(window.panel.locator(".gn-Busy")).to_have_count(0)
    window.sign(window.panel, secret_of("dora"), "Create release candidate")
    expect(window.panel.get_by_text("sour@1 is a candidate")).to_be_visible()
    facts = released(place)
    assert (facts["state"], facts["author"], facts["risk_class"]) == ("candidate", "dora", "low")
    _look_into_the_release(window)
    window.page.get_by_role("tab", name="Promote sour.ipynb").click()
    window.button("Open sour@1").click()
    expect(window.panel).to_contain_text(facts["digest"])


def _look_into_the_release(window: Window) -> None:
    """Its notebook opens for reading, under a banner, and starts no kernel; unasked too."""
    shown = window.page.locator(".jp-NotebookPanel:visible")
    with _unanswered(window):
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
def _unanswered(window: Window) -> Iterator[None]:
    """The network is down for the question which release a notebook is of."""
    question = re.compile(r"/release/notebook\?")
    window.page.route(question, lambda route: route.abort())
    yield
    window.page.unroute(question)


def _approve(window: Window, place: Place) -> None:
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


def _run(window: Window, place: Place, server: Server) -> str:
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


def _validate(window: Window, place: Place, run: str) -> None:
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


def _deploy(window: Window, place: Place) -> None:
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


def _audit(window: Window, place: Place, run: str) -> None:
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
    for said in (*told["files"][0]["made_from"], "public", told["files"][0]["session"]):
        expect(row).to_contain_text(said)
    window.panel.get_by_label("What came of").select_option("berries-holdout@1")
    expect(window.panel.get_by_role("region", name="Files that")).to_contain_text("No session")
    window.panel.get_by_role("tab", name="Sessions").click()
    window.panel.get_by_label("Search").fill("SOUR.IPYNB")
    sessions = window.panel.get_by_role("table", name="Sessions")
    expect(sessions).to_contain_text("sealed")
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


def _accept_a_risk(window: Window, place: Place) -> str:
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


def _roll_back(window: Window, place: Place, run: str, second: str) -> None:
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


def test_a_file_is_registered_from_the_file_browser_and_loaded_in_the_notebook(
    window: Window, place: Place
) -> None:
    page = window.page
    (place.root / "market.csv").write_text("stand,price\nnorth,3.20\nsouth,2.90\n")
    window.command("filebrowser:go-to-path", path="")
    window.command("filebrowser:refresh")
    page.locator(".jp-DirListing-item", has_text="market.csv").click()
    page.keyboard.press("Shift+F10")
    page.get_by_role("menuitem", name="Register in the Catalog…").press("Enter")
    window.choose(window.panel.get_by_label("Data class"), "public")
    window.type_into(window.panel.get_by_label("Owner"), "Market hall")
    window.type_into(window.panel.get_by_label("Legal basis"), "read off a board")
    window.act_by_keyboard(window.panel, "Dora")
    assert window.scan() == []
    window.sign_by_keyboard(window.panel, secret_of("dora"))
    expect(window.title).to_have_text("market@1")
    known = {row["dataset"]: row for row in place.done("data list --json").facts}
    assert (known["market"]["owner"], known["market"]["rows"]) == ("Market hall", 2)
    assert window.scan() == []
    window.press(window.button("Insert into sour.ipynb"))
    cell = page.locator(".jp-NotebookPanel:visible .jp-Notebook .jp-mod-active .cm-content")
    expect(cell).to_contain_text('data.load("market@1", purpose="explore")')
    page.keyboard.press("Control+Enter")
    mark = page.locator(".gn-Mark-line", has_text="market@1")
    expect(mark).to_be_visible()


def test_views_stay_in_a_notebook_whose_kernel_has_ended(window: Window, place: Place) -> None:
    page = window.page
    found = min(place.root.glob(".governed/runs/validation-*/output/evidence/*.json"))
    window.insert(f"from governed_kernel import widgets\nwidgets.evaluation({str(found)!r})")
    expect(page.locator(".gn-Output").get_by_text("Suite berries over")).to_be_visible()
    window.insert("widgets.lineage(data.load('market'), name='market')")
    expect(page.locator(".gn-Output").get_by_text("Lineage of market")).to_be_visible()
    window.command("docmanager:save")
    window.command("kernelmenu:shutdown")
    window.reload()
    again = page.locator(".gn-Output", has_text="Suite berries over")
    again.get_by_label("only what did not pass").check()
    expect(again.get_by_role("status")).to_have_text("0 of 5 cases")
    expect(page.locator(".gn-Output", has_text="Lineage of market")).to_contain_text("stand")
    expect(page.get_by_text("Error displaying widget")).to_have_count(0)
    document = nbformat.read(place.root / berries.NOTEBOOK, as_version=4)
    outputs = [output for cell in document.cells for output in cell.get("outputs", [])]
    kept = [output.data for output in outputs if "data" in output]
    assert sum("<table>" in data.get("text/html", "") for data in kept) >= 2, "for other readers"


def test_a_notebook_begins_from_a_template_in_the_launcher(window: Window, place: Place) -> None:
    page = window.page
    window.command("filebrowser:go-to-path", path="research")
    window.command("launcher:create")
    page.locator(".jp-LauncherCard:visible", has_text="New from template").click()
    page.locator(".jp-Dialog select").select_option(index=0)
    page.get_by_role("button", name="Ok").click()
    made = page.locator(".jp-NotebookPanel:visible")
    expect(made.locator(".gn-Badge")).to_contain_text("Research")
    page.get_by_text("(Research) | Idle").wait_for()
    window.insert("1 + 1")
    expect(made.get_by_text("[1]:").first).to_be_visible()
    query = "select count(*) as n from sessions where notebook like '%Untitled%'"
    assert place.done(f'lineage sql --json "{query}"').facts == [{"n": 1}]
    window.command("docmanager:save")
    window.command("governed:promote", path="research/Untitled.ipynb")
    name = window.panel.get_by_label("Name of the release")
    name.fill("tart")
    renamed = "contents.rename('research/Untitled.ipynb', 'research/tart.ipynb')"
    page.evaluate(f"() => window.jupyterapp.serviceManager.{renamed}")
    expect(window.title).to_have_text("Promote research/tart.ipynb")
    expect(name).to_have_value("tart")  # what was typed goes with it


def test_what_only_looks_like_a_release_can_be_edited_once_that_is_known(
    window: Window, place: Place
) -> None:
    path = "research/release/old@1/mine.ipynb"
    (place.root / path).parent.mkdir(parents=True)
    document = nbformat.read(place.root / berries.NOTEBOOK, as_version=4)
    nbformat.write(document, place.root / path)
    shown = window.page.locator(".jp-NotebookPanel:visible")
    code = shown.locator(".cm-content").first
    session = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.name"
    with _unanswered(window):
        window.command("docmanager:open", path=path)
        expect(shown.get_by_role("alert")).to_contain_text("its release is not known")
        expect(code).to_have_attribute("aria-readonly", "true")
        assert window.page.evaluate(session) is None
    shown.locator(".gn-Banner").get_by_role("button", name="Try again").click()
    expect(shown.locator(".gn-Banner")).to_have_count(0)
    expect(code).not_to_have_attribute("aria-readonly", "true")
    window.page.wait_for_function(f"({session})() === 'governed-research'")


def test_a_denied_read_explains_itself_in_the_dark_and_in_another_language(
    window: Window, place: Place, server: Server
) -> None:
    page = window.page
    window.command("apputils:change-theme", theme="JupyterLab Dark")
    window.command("docmanager:open", path=berries.NOTEBOOK)
    page.wait_for_selector(".jp-NotebookPanel:visible .gn-Badge")
    window.insert('from governed_kernel import data\ndata.load("berries-holdout")')
    denied = page.locator(".gn-Denied").first
    expect(denied).to_contain_text("locked-holdout")
    expect(denied).to_contain_text("use the training or validation part")
    expect(page.locator(".jp-NotebookPanel:visible .gn-Badge")).to_contain_text("1 denied")
    rows = place.done(
        "lineage sql --json \"select uri from accesses where decision = 'denied'\""
    ).facts
    assert rows
    assert window.scan() == []
    answers: list[Response] = []

    def hear(said: Response) -> None:
        if "/governed/" in said.url and "/events" not in said.url:
            answers.append(said)

    page.on("response", hear)
    with language.spoken(server):
        window.reload()  # another language begins with the page
    shown: set[str] = set()
    for command, arguments in PANELS:
        window.command(command, **arguments)
        expect(window.panel.locator(".gn-Busy")).to_have_count(0)
        assert window.scan() == [], command
        shown.update(page.evaluate(language.SHOWN))
    assert len(shown) > 100
    assert language.untranslated(shown, answers) == []
