"""Where there is no workspace, every panel offers to make one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Browser, Locator, expect

from governed_kernel.governance.register import Register
from governed_kernel.workspace import Workspace
from tests.extension.server import TOKEN, serving
from tests.loop.place import Place
from tests.ui.window import AXE, tab_to, type_into

pytestmark = pytest.mark.full


def test_a_folder_becomes_a_workspace_by_a_form(
    browser: Browser, place: Place, tmp_path: Path
) -> None:
    root, home = tmp_path / "garden", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    with serving(root, home, str(place.environment.python)) as server:
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(90_000)
        expect.set_options(timeout=90_000)
        page.goto(f"{server.address}/lab?token={quote_plus(TOKEN)}")
        page.locator(".jp-LauncherCard", has_text="Catalog").click()
        expect(page.locator(".gn-StatusBadge")).to_be_hidden()  # there is no notebook
        form = page.get_by_role("form", name="New workspace")
        type_into(page, form.get_by_label("Your short name"), "ada")
        type_into(page, form.get_by_label("Your printed name"), "Ada Lovelace")
        type_into(page, form.get_by_label("Passphrase", exact=True), "four words of hers")
        again = form.get_by_label("Passphrase once more")
        type_into(page, again, "three words of")
        make = form.get_by_role("button", name="Make the workspace")
        expect(make).to_have_attribute("aria-disabled", "true")
        page.add_script_tag(path=str(AXE))
        found = page.evaluate("async () => (await window.axe.run('.gn-Panel')).violations")
        assert not [item for item in found if item["impact"] in ("serious", "critical")]
        type_into(page, again, "four words of hers")
        tab_to(page, make)
        page.keyboard.press("Enter")
        expect(
            page.locator(".gn-Panel:visible").get_by_text("Nothing is registered yet")
        ).to_be_visible()
        page.evaluate("() => window.jupyterapp.commands.execute('governed:open-audit', {name: ''})")
        page.get_by_role("tab", name="Impact").click()
        assert _middle(page.locator(".gn-Empty:visible")) == pytest.approx(
            _middle(page.locator(".gn-Page:visible")), abs=2
        )
        page.close()
    register = Register.read(Workspace.open(root))
    assert register.people["ada"].roles == ["administrator"]


def _middle(part: Locator) -> float:
    box = part.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2
