"""The whole journey in a browser; what is clicked is confirmed in the ledger by other processes."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Browser, Response, expect

from tests.extension.server import Server
from tests.loop import berries
from tests.loop.place import Place
from tests.ui import journey, language
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


def test_the_journey_from_a_research_notebook_to_a_rollback(
    window: Window, place: Place, server: Server
) -> None:
    journey.check_and_mend(window, place)
    journey.promote(window, place)
    journey.approve(window, place)
    run = journey.run(window, place, server)
    journey.validate(window, place, run)
    journey.deploy(window, place)
    journey.audit(window, place, run)
    second = journey.accept_a_risk(window, place)
    journey.roll_back(window, place, run, second)


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
    window.sign_by_keyboard(window.panel, journey.secret_of("dora"))
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


def test_a_file_that_a_notebook_reads_is_registered_in_its_finding_by_keyboard_alone(
    window: Window, place: Place
) -> None:
    page = window.page
    (place.root / "stalls.csv").write_text("stall,rent\nnorth,320\n")
    cell = nbformat.v4.new_code_cell("from pathlib import Path\nPath('../stalls.csv').read_text()")
    kernel = {"name": "governed-research", "display_name": "Governed Python (Research)"}
    document = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(document, place.root / "research/stalls.ipynb")
    window.command("docmanager:open", path="research/stalls.ipynb")
    kernel_is = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status"
    page.wait_for_function(f"({kernel_is})() === 'idle'")  # before, JupyterLab asks which kernel
    window.command("notebook:run-all-cells")
    expect(page.locator(".gn-Mark-line", has_text="stalls.csv")).to_be_visible()
    window.command("docmanager:save")
    window.command("governed:promote", path="research/stalls.ipynb")
    window.press(window.button("Register stalls.csv…"))
    data = window.panel.get_by_role("region", name="Data and models from the catalog")
    form = data.locator("form")
    window.type_into(form.get_by_label("Name in the catalog"), "stalls-of-today")
    window.choose(form.get_by_label("Data class"), "public")
    window.type_into(form.get_by_label("Owner"), "Market hall")
    window.type_into(form.get_by_label("Legal basis"), "read off a board")
    window.act_by_keyboard(form, "Dora")
    assert window.scan() == []
    assert window.lost() == []
    window.sign_by_keyboard(form, journey.secret_of("dora"))
    expect(window.button("Register stalls.csv…")).to_have_count(0)
    known = {row["dataset"]: row for row in place.done("data list --json").facts}
    assert known["stalls-of-today"]["owner"] == "Market hall"
    where = "() => document.activeElement.closest('.gn-Page section, .gn-Page h1') !== null"
    page.wait_for_function(where)  # not lost with the form


def test_views_stay_in_a_notebook_whose_kernel_has_ended(window: Window, place: Place) -> None:
    page = window.page
    found = min(place.root.glob(".governed/runs/validation-*/output/evidence/*.json"))
    window.command("docmanager:open", path=berries.NOTEBOOK)  # other tests opened others
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


def test_what_an_output_draws_stays_in_its_notebook(window: Window) -> None:
    page = window.page
    window.command("governed:open-session")
    all_over = "position: fixed; inset: 0; z-index: 99999; background: red"
    window.insert(
        "from IPython.display import HTML\n"
        f'HTML(\'<div id="forged" class="gn-Panel" style="{all_over}">41 of 41</div>\')'
    )
    page.locator("#forged").wait_for()
    for ours in (".jp-NotebookPanel:visible .gn-Badge", ".gn-StatusBadge", "#governed-session h2"):
        assert page.locator(ours).first.evaluate(
            """node => {
                const { x, y, width, height } = node.getBoundingClientRect();
                return node.contains(document.elementFromPoint(x + width / 2, y + height / 2));
            }"""
        ), ours
    window.command("notebook:delete-cell")


def test_a_notebook_begins_from_a_template_in_the_launcher(window: Window, place: Place) -> None:
    page = window.page
    window.command("filebrowser:go-to-path", path="research")
    window.command("launcher:create")
    page.locator(".jp-LauncherCard:visible", has_text="New from template").click()
    choice = page.get_by_role("dialog").get_by_label("Template")
    expect(choice).to_be_focused()
    assert window.scan([".jp-Dialog"]) == []
    choice.select_option(index=0)
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
    with journey.unanswered(window):
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
        assert window.lost() == [], command
        shown.update(page.evaluate(language.SHOWN))
    assert len(shown) > 100
    assert language.untranslated(shown, answers) == []
