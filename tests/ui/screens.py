"""Pictures of every screen, from a real workspace, for the documentation: ``make screens``.

Called as ``python -m tests.ui.screens FOLDER [BASE [SCREEN…]] [--width PIXELS]``; BASE keeps the
workspaces between two calls, SCREENs are the only ones that are taken.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote_plus

import nbformat
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from governed_kernel.release.run_states import state_of
from governed_kernel.release.runs import cancel
from tests.extension.server import TOKEN, serving
from tests.loop import berries
from tests.loop.environment import PythonEnvironment
from tests.loop.place import Place, papermill
from tests.loop.stages import Stages
from tests.ui.conftest import CHROMIUM
from tests.ui.window import Window

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
LAB = Path(__file__).parents[2] / "extension" / "governed_server" / "labextension"
NOWHERE = "beginning"
_HANGING_CELL = 4
"""By then a run that hangs shows what it has said so far."""
_MOST_SECONDS = 120.0
Show = Callable[[Window, Place], None]


def main(target: Path, base: Path, wanted: list[str], width: int) -> int:
    """Take them all; returns the exit code."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        sys.stderr.write("No pictures were taken: there is no Chromium here\n")
        return 1
    target.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for name, screens in {"full": FULL, "empty": EMPTY}.items():
            chosen = {key: show for key, show in screens.items() if not wanted or key in wanted}
            if chosen:
                _take(browser, _place(base, name), chosen, target, width)
        if not wanted or NOWHERE in wanted:
            _take_nowhere(browser, base, target, width)
        browser.close()
    return 0


def _take(
    browser: Browser, place: Place, screens: dict[str, Show], target: Path, width: int
) -> None:
    with serving(place.root, place.home, str(place.environment.python)) as server:
        for theme, name in THEMES.items():
            window = Window(browser, server, berries.NOTEBOOK, width)
            window.command("apputils:change-theme", theme=name)
            window.page.get_by_text("(Research) | Idle").wait_for()
            for screen, show in screens.items():
                show(window, place)
                window.page.evaluate("() => document.activeElement?.blur()")
                window.page.mouse.move(640, 5)
                window.page.wait_for_timeout(500)
                _kept(window.page, target / f"{screen}-{theme}.png")
            assert window.errors == [], window.errors
            window.close()


def _kept(page: Page, path: Path) -> None:
    page.screenshot(path=path)
    shrink(path)
    sys.stdout.write(f"{path}\n")


def shrink(path: Path) -> None:
    """A palette of 256 colours is a third of the file, and nothing that an eye would miss."""
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


# --- workspaces -------------------------------------------------------------------------------


def _place(base: Path, name: str) -> Place:
    """The workspace of that name, made where it is not there yet."""
    environment = base / "environment"
    if not (base / name).is_dir():
        made = (
            PythonEnvironment(environment)
            if environment.is_dir()
            else PythonEnvironment.make(environment, with_lab=True)
        )
        _MAKE[name](Stages(base / "stages", made)).copy(base / name)
    installed = environment / "share" / "jupyter" / "labextensions" / "governed-notebooks"
    shutil.copytree(LAB, installed, dirs_exist_ok=True)
    folder = base / name
    return Place(folder / "berries", folder / "home", PythonEnvironment(environment))


def _full(stages: Stages) -> Place:
    """A release that is live, a run that failed, a validation that did, a re-run, a candidate."""
    place = stages.released
    first = stages.run_id
    place.done(f"audit rerun {first} --as aida")
    place.governed("run sour --as otto -p behaviour raise")
    _stopped(place)
    weak = place.done("run sour --as otto -p steps 100 -p learning_rate 0.01 --json").facts["run"]
    place.governed(f"validate {weak} --as otto")
    day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    why = "--reason 'the cake is for us' --control 'a cook tastes every berry'"
    place.done_here(f"release accept-risk sour deep-red --run {weak} --until {day} {why} {{mara}}")
    later = (
        "--owner Kitchen --legal-basis 'picked by us' --class public --as dora --purpose explore"
    )
    (place.root / "market.csv").write_text("stand,price\nnorth,3.20\nsouth,2.90\n")
    place.done_here(f"data register market market.csv --retention 2027-06-30 {later}")
    _second_version(place)
    return place


def _stopped(place: Place) -> None:
    """A run that would never end, stopped in the middle of its cells."""
    run = place.done("run sour --as otto -p behaviour hang --detach --json").facts["run"]
    until = time.monotonic() + _MOST_SECONDS
    while (state := state_of(place.workspace, run)).progress.cell < _HANGING_CELL:
        if state.is_over or time.monotonic() > until:
            raise AssertionError(f"{run} is {state.state} at cell {state.progress.cell}")
        time.sleep(0.2)
    with place.inside():
        cancel(place.workspace, run)


def _second_version(place: Place) -> None:
    """A candidate whose notebook differs from the release before it."""
    path = place.root / berries.NOTEBOOK
    document = nbformat.read(path, as_version=4)
    for cell in document.cells:
        cell.source = cell.source.replace("int = 300 ", "int = 400 ")
    document.cells[-1].source += "\nprint('saved')"
    why = nbformat.v4.new_markdown_cell("More steps: the first release missed the pale ones.")
    document.cells.insert(1, why)
    nbformat.write(document, path)
    papermill(place, berries.NOTEBOOK)
    place.done(f"promote {berries.NOTEBOOK} {{dora}}")


def _empty(stages: Stages) -> Place:
    """A workspace in which nothing was done yet."""
    place = Place(stages.base / "new" / "berries", stages.base / "new" / "home", stages.environment)
    berries.write(place.root)
    (place.home / "passphrases").mkdir(parents=True)
    (place.home / "passphrases" / "ada").write_text("the passphrase of ada\n")
    place.done_here(f"init {place.root} --printed-name 'Ada Lovelace' {{ada}}")
    return place


_MAKE = {"full": _full, "empty": _empty}


def _take_nowhere(browser: Browser, base: Path, target: Path, width: int) -> None:
    """Where there is no workspace yet: the same form in every panel."""
    root, home = base / "nowhere", base / "home-of-nobody"
    for folder in (root, home):
        folder.mkdir(exist_ok=True)
    with serving(root, home, str(PythonEnvironment(base / "environment").python)) as server:
        for theme, name in THEMES.items():
            page = browser.new_page(viewport={"width": width, "height": 860})
            page.goto(f"{server.address}/lab?reset&token={quote_plus(TOKEN)}")
            page.evaluate("() => window.jupyterapp.restored.then(() => undefined)")
            page.evaluate(
                "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
                name,
            )
            page.evaluate("() => window.jupyterapp.commands.execute('governed:open-catalog')")
            page.get_by_role("form", name="New workspace").wait_for()
            page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
            page.wait_for_timeout(500)
            _kept(page, target / f"{NOWHERE}-{theme}.png")
            page.close()


# --- screens ----------------------------------------------------------------------------------


_MOST_ATTEMPTS = 5
"""Three lock a key for a minute."""
_CLEAR = """() => {
    const { shell } = window.jupyterapp;
    shell.collapseLeft();
    shell.collapseRight();
    for (const widget of [...shell.widgets('main')]) {
        const { id, title } = widget;
        if (/^(governed|launcher)/.test(id) || title.label === 'views.ipynb' ||
            widget.context?.path.startsWith('release/')) {
            widget.dispose();
        }
    }
}"""


def _panel(command: str, /, **arguments: str) -> Show:
    def show(window: Window, _: Place) -> None:
        window.page.evaluate(_CLEAR)
        window.command(command, **arguments)
        expect(window.panel.locator(".gn-Page, .gn-Lineage")).to_be_visible()
        expect(window.panel.locator(".gn-Busy")).to_have_count(0)

    return show


def _notebook(window: Window, _: Place) -> None:
    window.page.evaluate(_CLEAR)
    window.command("docmanager:open", path=berries.NOTEBOOK)
    window.command("governed:open-session")
    window.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    mark = window.page.locator(".gn-Mark-line", has_text="berries-train@1")
    mark.wait_for()
    mark.scroll_into_view_if_needed()


def _denied(window: Window, _: Place) -> None:
    window.command("docmanager:open", path=berries.NOTEBOOK)
    window.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    window.page.wait_for_selector(".jp-NotebookPanel:visible .gn-Badge")
    window.insert('from governed_kernel import data\ndata.load("berries-holdout")')
    window.page.locator(".gn-Denied").first.scroll_into_view_if_needed()


def _lineage_beside(window: Window, place: Place) -> None:
    _notebook(window, place)
    window.command("governed:show-lineage")
    window.page.locator("#governed-lineage-side .gn-Lineage-host[data-nodes]").wait_for()


def _lineage(window: Window, _: Place) -> None:
    window.page.evaluate(_CLEAR)
    window.command("governed:open-lineage", target="sour@1")
    window.panel.locator(".gn-Lineage-host[data-nodes]").wait_for()


def _release(window: Window, _: Place, release: str = "sour@1") -> None:
    _panel("governed:open-release", release=release)(window, _)
    window.act_as("mara")


def _review(window: Window, _: Place, release: str = "sour@1") -> None:
    _release(window, _, release)
    window.button("Review for a run").click()
    window.panel.get_by_role("region", name="Signature").wait_for()
    window.panel.get_by_role("region", name="Signature").scroll_into_view_if_needed()


def _refused(person: str, said: str) -> Show:
    """A signature with a passphrase that is not theirs, until the page says this."""

    def show(window: Window, _: Place) -> None:
        _panel("governed:open-release", release="sour@2")(window, _)
        window.act_as(person)
        window.button("Review for a run").click()
        form = window.panel.get_by_role("region", name="Signature")
        alert = form.get_by_role("alert")
        for _attempt in range(_MOST_ATTEMPTS):
            window.sign(form, "a guess at it", "Sign and approve")
            expect(form.locator(".gn-Busy")).to_have_count(0)
            alert.wait_for()
            if said in alert.inner_text():
                break
        else:
            raise AssertionError(f"the page never said {said!r}, but {alert.inner_text()!r}")
        form.scroll_into_view_if_needed()

    return show


def _difference(window: Window, _: Place) -> None:
    _review(window, _, "sour@2")
    changed = window.panel.locator(".gn-mod-changed")
    changed.locator(".cm-merge-2pane").first.wait_for()
    changed.last.scroll_into_view_if_needed()


def _deployments(window: Window, _: Place) -> None:
    _release(window, _)
    window.panel.get_by_role("region", name="Deployments").scroll_into_view_if_needed()


def _runs(kind: str, state: str) -> Callable[[Place], str]:
    def name(place: Place) -> str:
        found = place.release("sour@1")["runs"]
        return next(
            str(run["run"]) for run in found if (run["kind"], run["state"]) == (kind, state)
        )

    return name


def _run(state: str) -> Show:
    def show(window: Window, place: Place) -> None:
        _panel("governed:open-run", run=_runs("release", state)(place))(window, place)
        expect(window.panel.get_by_role("heading", level=1)).to_contain_text(state)

    return show


def _compared(window: Window, place: Place) -> None:
    _panel("governed:open-runs")(window, place)
    found = [run for run in place.release("sour@1")["runs"] if run["state"] == "succeeded"]
    for run in [item for item in found if item["kind"] == "release"]:
        window.panel.get_by_label(f"Compare {run['run']}").check()
    window.panel.get_by_role("table", name="Comparison").wait_for()


def _evaluation(passed: bool) -> Show:
    def show(window: Window, place: Place) -> None:
        said = next(each for each in place.events("ValidationRecorded") if each.passed is passed)
        _panel("governed:open-evaluation", validation=said.validation_run)(window, place)

    return show


def _audit(tab: str, button: str = "") -> Show:
    def show(window: Window, place: Place) -> None:
        _panel("governed:open-audit", name="")(window, place)
        window.panel.get_by_role("tab", name=tab).click()
        if button:
            window.button(button).click()
        expect(window.panel.locator(".gn-Busy")).to_have_count(0)

    return show


def _running(window: Window, place: Place) -> None:
    """While a run goes on: the picture is taken before it ends."""
    _panel("governed:start-run", release="sour@1")(window, place)
    window.act_as("otto")
    window.sign(window.panel, "the passphrase of otto", "Start the run")
    expect(window.panel.get_by_role("heading", level=1)).to_contain_text("running")


def _readers(window: Window, place: Place) -> None:
    _audit("Readers")(window, place)
    window.panel.get_by_label("Who read").fill("berries-train@1")
    window.button("Show readers").click()
    window.panel.get_by_role("table", name="Readers").wait_for()


def _views(window: Window, place: Place) -> None:
    window.page.evaluate(_CLEAR)
    evidence = min(place.root.glob(".governed/runs/validation-*/output/evidence/*.json"))
    read = "from governed_kernel import data, widgets\ntrain = data.load('berries-train')"
    sources = [f"{read}\nwidgets.lineage(train)", f"widgets.evaluation({str(evidence)!r})"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"name": "governed-research", "display_name": "Governed Python (Research)"}
    document = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(document, place.root / "research" / "views.ipynb")
    window.command("docmanager:open", path="research/views.ipynb")
    shown = window.page.locator(".jp-NotebookPanel:visible")
    shown.locator(".gn-Badge").wait_for()
    window.page.get_by_text("(Research) | Idle").wait_for()
    window.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    shown.locator(".gn-e").wait_for()
    shown.locator(".gn-Mark-line", has_text="berries-train@1").wait_for()


def _promote(window: Window, place: Place) -> None:
    _panel("governed:promote", path=berries.NOTEBOOK)(window, place)


def _release_notebook(window: Window, _: Place) -> None:
    window.page.evaluate(_CLEAR)
    window.command("docmanager:open", path=f"release/sour@1/{berries.NOTEBOOK}")
    shown = window.page.locator(".jp-NotebookPanel:visible")
    shown.locator(".gn-Banner").wait_for()
    shown.locator(".gn-Badge", has_text="Release").wait_for()


def _launcher(window: Window, _: Place) -> None:
    window.page.evaluate(_CLEAR)
    window.command("launcher:create")
    window.page.locator(".jp-Launcher-body:visible").wait_for()


FULL: dict[str, Show] = {
    "notebook": _notebook,
    "denied": _denied,
    "views": _views,
    "lineage-beside": _lineage_beside,
    "lineage": _lineage,
    "promote": _promote,
    "releases": _panel("governed:open-releases"),
    "release": _release,
    "review": _review,
    "difference": _difference,
    "refused": _refused("rui", "did not open"),
    "locked": _refused("kim", "locked"),
    "release-notebook": _release_notebook,
    "deployments": _deployments,
    "start-run": _panel("governed:start-run", release="sour@1"),
    "runs": _compared,
    "run": _run("succeeded"),
    "run-failed": _run("failed"),
    "run-interrupted": _run("interrupted"),
    "validation": _panel("governed:open-validation"),
    "evaluation": _evaluation(True),
    "evaluation-failed": _evaluation(False),
    "verify": _audit("Verify", "Verify everything"),
    "rerun": _audit("Re-run"),
    "time-travel": _audit("Time travel"),
    "impact": _panel("governed:open-audit", name="berries@1"),
    "sessions": _audit("Sessions"),
    "readers": _readers,
    "report": _audit("Report", "Write the report"),
    "catalog": _panel("governed:open-catalog"),
    "version": _panel("governed:open-version", name="berries-train@1"),
    "register": _panel("governed:register-file", path="berries.csv"),
    "launcher": _launcher,
    "run-busy": _running,
}
EMPTY: dict[str, Show] = {
    "releases-empty": _panel("governed:open-releases"),
    "catalog-empty": _panel("governed:open-catalog"),
    "validation-empty": _panel("governed:open-validation"),
    "runs-empty": _panel("governed:open-runs"),
    "impact-empty": _audit("Impact"),
}

if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("target", type=Path)
    asked.add_argument("base", type=Path, nargs="?")
    asked.add_argument("screens", nargs="*")
    asked.add_argument("--width", type=int, default=1280)
    given = asked.parse_intermixed_args()
    base = given.base or Path(tempfile.mkdtemp(prefix="governed-screens-"))
    sys.exit(main(given.target, base, given.screens, given.width))
