"""Under JupyterHub who signed in is the person, and nobody else can be chosen.

The hub is real: its proxy, its login, the server that it spawns. It needs JupyterHub's program,
on the path or named by ``JUPYTERHUB``, and ``configurable-http-proxy``, likewise or named by
``CONFIGURABLE_HTTP_PROXY``; an environment with nothing but ``jupyterhub`` in it will do.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.loop.place import Place
from tests.ui.journey import secret_of

pytestmark = pytest.mark.full
SECONDS = 90
PASSWORD = "the same for all"
SETTINGS = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cleanup_servers = True
c.Authenticator.allow_all = True
c.DummyAuthenticator.password = {password!r}
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = {arguments!r}
c.Spawner.notebook_dir = {root!r}
c.Spawner.default_url = "/lab"
c.Spawner.environment = {environment!r}
"""


def _program(name: str, variable: str) -> str:
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        pytest.skip(f"The tests under JupyterHub were NOT RUN: there is no {name}")
    return found


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def address(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = _program("jupyterhub", "JUPYTERHUB")
    proxy = _program("configurable-http-proxy", "CONFIGURABLE_HTTP_PROXY")
    folder = tmp_path_factory.mktemp("hub")
    port, hub_port, proxy_port = _free_ports(3)
    made = place.environment.folder
    settings = SETTINGS.format(
        port=port,
        hub_port=hub_port,
        proxy_port=proxy_port,
        password=PASSWORD,
        proxy=proxy,
        homes=str(folder / "{username}"),
        python=str(Path(program).with_name("python")),
        arguments=[] if os.geteuid() else ["--allow-root"],
        root=str(place.root),
        environment={
            "GOVERNED_HOME": str(place.home),
            "PYTHONPATH": str(place.environment.site),
            "JUPYTER_PATH": str(made / "share" / "jupyter"),
            "JUPYTER_CONFIG_PATH": str(made / "etc" / "jupyter"),
        },
    )
    (folder / "hub.py").write_text(settings)
    with (folder / "hub.log").open("wb") as log:
        hub = subprocess.Popen(
            [program, "--config", "hub.py"], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(port, hub, folder / "hub.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        hub.terminate()  # it ends its proxy and the servers that it spawned
        hub.wait(timeout=SECONDS)


def _wait(port: int, hub: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert hub.poll() is None, log.read_text()
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/hub/login")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text())


def signed_in(browser: Browser, address: str, person: str) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.set_default_timeout(SECONDS * 1000)
    expect.set_options(timeout=SECONDS * 1000)
    page.goto(f"{address}/hub/login")
    page.get_by_label("Username").fill(person)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/lab**")
    page.wait_for_function("() => 'jupyterapp' in window || document.querySelector('#jp-top-bar')")
    return page


def test_who_signed_in_to_the_hub_is_the_person(
    browser: Browser, address: str, place: Place
) -> None:
    (place.root / "hub.csv").write_text("a,b\n1,2\n")
    page = signed_in(browser, address, "dora")
    page.locator(".jp-DirListing-item", has_text="hub.csv").click(button="right")
    page.get_by_role("menuitem", name="Register in the Catalog…").click()
    panel = page.locator("#jp-main-dock-panel .gn-Panel:visible")
    who = panel.get_by_label("You are")
    expect(who).to_have_value("dora")
    expect(who).to_be_disabled()
    asked = """async ([person, passphrase]) => {
        const cookie = document.cookie.split('; ').find(each => each.startsWith('_xsrf='));
        const answer = await fetch('/user/dora/governed/release/end', {
            method: 'POST',
            headers: { 'X-XSRFToken': cookie.slice('_xsrf='.length) },
            body: JSON.stringify({
                person, passphrase, release: 'sour', digest: 'd', reason: 'r', ending: 'reject'
            })
        });
        return [answer.status, await answer.text()];
    }"""
    before = place.workspace.ledger.read_bytes()
    status, said = page.evaluate(asked, ["rui", secret_of("rui")])
    assert status == 409, said
    assert "you signed in to JupyterHub as dora" in said
    assert place.workspace.ledger.read_bytes() == before, "not even with the passphrase of another"
    panel.get_by_label("Data class").select_option("public")
    panel.get_by_label("Owner").fill("Kitchen")
    panel.get_by_label("Legal basis").fill("counted by hand")
    panel.get_by_label("Passphrase").fill(secret_of("dora"))
    panel.get_by_role("button", name="Register hub.csv").click()
    expect(panel.get_by_role("heading", level=1)).to_have_text("hub@1")
    known = {row["dataset"] for row in place.done("data list --json").facts}
    assert "hub" in known
    page.close()
