"""A browser's window on JupyterLab, and what a person does in it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.extension.server import TOKEN, Server

AXE = Path(__file__).parents[2] / "extension" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 90_000
OURS = (".gn-Panel", ".gn-Badge", ".gn-ToolbarButton", ".gn-Mark")

_LOOK = """node => {
    const style = getComputedStyle(node);
    const isOutlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
    const outline = isOutlined && [style.outlineStyle, style.outlineWidth, style.outlineColor];
    return JSON.stringify([outline, style.boxShadow, style.borderColor]);
}"""
"""How a thing is drawn around: what shows the focus differs from what is there without it."""

_SHOWN = f"""node => {{
    const look = {_LOOK};
    const on = look(node);
    node.blur();
    const off = look(node);
    node.focus({{ preventScroll: true }});
    return on !== off;
}}"""

_LOST = f"""panel => {{
    const found = [];
    const say = (why, node) => found.push([why, node.outerHTML.slice(0, 160)]);
    const isShown = {_SHOWN};
    const before = document.activeElement;
    for (const node of panel.querySelectorAll('*')) {{
        const props = Object.keys(node).find(key => key.startsWith('__reactProps'));
        const handlers = node[props] ?? {{}};
        const isPressed = handlers.onClick || handlers.onMouseDown || handlers.onDoubleClick;
        const isControl = node.matches('button, input, select, textarea, a, summary, iframe');
        if (isPressed && !isControl && node.tabIndex < 0 && !handlers.onKeyDown) {{
            say('only a mouse presses it', node);
        }}
        const isOneOfMany = node.matches('[role=tab]');
        if (isControl && node.tabIndex < 0 && !isOneOfMany) {{
            say('no key reaches it', node);
        }}
        if (node.tabIndex < 0 || node.disabled || !node.checkVisibility()) {{
            continue;
        }}
        node.focus({{ preventScroll: true }});
        const isReached = document.activeElement === node && node.tagName !== 'IFRAME';
        if (isReached && !isShown(node)) {{
            say('nothing shows that it has the focus', node);
        }}
    }}
    before?.focus();
    return found;
}}"""


def tab_to(page: Page, target: Locator) -> None:
    """Reach a thing in a page by the tabulator key alone, and see where one is."""
    target.wait_for()
    for _ in range(160):
        if target.evaluate("node => node === document.activeElement"):
            assert target.evaluate(_SHOWN), f"nothing shows that {target} has the focus"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way by keyboard to {target}")


def type_into(page: Page, target: Locator, text: str) -> None:
    """Reach a field by keyboard, and write into it instead of what it holds."""
    tab_to(page, target)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


class Window:
    """One page of JupyterLab with one notebook open."""

    def __init__(self, browser: Browser, server: Server, notebook: str, width: int = 1280) -> None:
        self.server = server
        self.errors: list[str] = []
        self._browser, self._width = browser, width
        self._workspace = f"{server.address}/lab/workspaces/w{time.monotonic_ns()}"
        self._open(f"{self._workspace}/tree/{notebook}")

    def _open(self, address: str) -> None:
        viewport: ViewportSize = {"width": self._width, "height": 860}
        self.page: Page = self._browser.new_page(viewport=viewport)
        self.page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.errors.append(f"{error} {error.stack}"))
        # JupyterLab's own word when its server is away for a moment
        lost = self.page.locator("dialog.jp-Dialog", has_text="Server Connection Error")
        self.page.add_locator_handler(lost, lambda _: self.page.keyboard.press("Escape"))
        self._go(f"{address}?token={quote_plus(TOKEN)}")

    def _go(self, address: str) -> None:
        self.page.goto(address)
        self.page.wait_for_selector(".jp-NotebookPanel .gn-Badge")
        self.page.evaluate("() => window.jupyterapp.restored.then(() => undefined)")

    def reload(self) -> None:
        """Load the page anew; what was open comes back, and nothing is opened after that."""
        self._go(self._workspace)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """The browser is closed with everything that it remembers, and opened again at the end."""
        self.page.close()
        yield
        self._open(self._workspace)

    @property
    def panel(self) -> Locator:
        """The panel of ours that is in front."""
        return self.page.locator("#jp-main-dock-panel .gn-Panel:visible")

    @property
    def title(self) -> Locator:
        return self.panel.get_by_role("heading", level=1)

    def button(self, name: str) -> Locator:
        return self.panel.get_by_role("button", name=name, exact=True)

    def act_as(self, person: str) -> None:
        self.panel.get_by_label("You are").first.select_option(person)

    def sign(self, form: Locator, secret: str, button: str) -> None:
        form.get_by_label("Passphrase").fill(secret)
        form.get_by_role("button", name=button, exact=True).click()

    def command(self, name: str, /, **arguments: Any) -> None:
        """Execute a command of JupyterLab by the palette's way, for what has no button."""
        self.page.evaluate(
            "async ([name, said]) => { await window.jupyterapp.commands.execute(name, said); }",
            [name, arguments],
        )

    def tab_to(self, target: Locator) -> None:
        """Reach it by the tabulator key alone, as who has no mouse does, and see where one is."""
        tab_to(self.page, target)

    def press(self, target: Locator) -> None:
        """Reach a button by keyboard, and press it."""
        self.tab_to(target)
        self.page.keyboard.press("Enter")

    def type_into(self, target: Locator, text: str) -> None:
        """Reach a field by keyboard, and write into it instead of what it holds."""
        type_into(self.page, target, text)

    def choose(self, target: Locator, beginning: str) -> None:
        """Reach a choice by keyboard, and choose what begins like this."""
        self.tab_to(target)
        self.page.keyboard.type(beginning)

    def act_by_keyboard(self, form: Locator, person: str) -> None:
        """Say who acts by typing the beginning of the printed name."""
        self.choose(form.get_by_label("You are").first, person)

    def focused(self) -> str:
        """The words of what has the focus."""
        return str(self.page.evaluate("() => document.activeElement.textContent"))

    def sign_by_keyboard(self, form: Locator, secret: str) -> None:
        self.type_into(form.get_by_label("Passphrase"), secret)
        self.page.keyboard.press("Enter")

    def opened(self, command: str, /, **arguments: Any) -> tuple[float, float]:
        """Milliseconds from a panel's command to its first words, and to all that it asked for."""
        first, whole = self.page.evaluate(
            """async ([name, said]) => {
                const { commands, shell } = window.jupyterapp;
                const began = performance.now();
                await commands.execute(name, said);
                const find = what => shell.currentWidget.node.querySelector(what);
                const until = async isSo => {
                    while (!isSo()) {
                        await new Promise(requestAnimationFrame);
                    }
                    return performance.now() - began;
                };
                const first = await until(() => find('.gn-Page h1, .gn-Lineage-subject'));
                const whole = await until(() => !find('.gn-Busy'));
                shell.currentWidget.dispose();
                return [first, whole];
            }""",
            [command, arguments],
        )
        return float(first), float(whole)

    def shut_down(self, notebook: str) -> None:
        """End the kernel of an open notebook, as who comes back in the morning finds it."""
        self.page.evaluate(
            """async path => {
                const panels = [...window.jupyterapp.shell.widgets('main')];
                const panel = panels.find(each => each.context?.path === path);
                await panel.sessionContext.shutdown();
            }""",
            notebook,
        )

    def insert(self, source: str) -> None:
        """Write a new cell below the active one of the notebook in front, and run it."""
        self.command("notebook:insert-cell-below")
        self.page.keyboard.press("Enter")
        self.page.keyboard.type(source)
        self.page.keyboard.press("Control+Enter")

    def scan(self, parts: Sequence[str] = OURS) -> list[str]:
        """What axe finds wrong in our own parts, or in others, if it is serious."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.add_script_tag(path=str(AXE))
        found = self.page.evaluate(
            "async parts => (await window.axe.run({ include: parts })).violations",
            [[part] for part in parts],
        )
        return [
            f"{item['id']}: {item['help']}: {[node['html'][:160] for node in item['nodes'][:3]]}"
            for item in found
            if item["impact"] in ("serious", "critical")
        ]

    def lost(self) -> list[str]:
        """What of the panel in front no key reaches, or shows nothing when one stands there."""
        self.page.keyboard.press("Shift")  # who uses a keyboard is shown where they are
        found = self.panel.evaluate(_LOST)
        return [f"{why}: {html}" for why, html in found]

    def close(self) -> None:
        self.page.close()
