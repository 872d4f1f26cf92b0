"""A real Jupyter server with the extension, as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

TOKEN = "a token that no kernel is told"
SECONDS = 90


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    text: str

    @property
    def facts(self) -> Any:
        return json.loads(self.text)


class Server:
    """A Jupyter server.

    Parameters
    ----------
    root : Path
        The folder that it shows.
    home : Path
        The personal folder of those who sign.
    variables : dict of str to str
        More environment variables.
    """

    def __init__(
        self,
        root: Path,
        home: Path,
        python: str = sys.executable,
        port: int = 0,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.variables = variables or {}
        self.root, self.home, self.python = root, home, python
        self.port = port or _free_port()
        self.log = home / "server.log"
        quiet = home / "jupyter-config" / "lab" / "user-settings" / "@jupyterlab"
        quiet = quiet / "apputils-extension" / "notification.jupyterlab-settings"
        quiet.parent.mkdir(parents=True, exist_ok=True)
        quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        self.process = self._start()
        self._wait()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _start(self) -> subprocess.Popen[bytes]:
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("GOVERNED_", "JPY_", "JUPYTER", "PYTEST"))
        }
        settings = {
            "ServerApp.root_dir": self.root,
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.open_browser": False,
            "IdentityProvider.token": TOKEN,
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "LabApp.news_url": None,
            "LabApp.expose_app_in_browser": True,
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [
                    *(self.python, "-m", "jupyterlab"),
                    *(f"--{name}={value}" for name, value in settings.items()),
                    *(() if os.geteuid() else ("--allow-root",)),
                ],
                cwd=self.root,
                env={
                    **kept,
                    **self.variables,
                    "GOVERNED_HOME": str(self.home),
                    "JUPYTER_CONFIG_DIR": str(self.home / "jupyter-config"),
                    "JUPYTER_DATA_DIR": str(self.home / "jupyter-data"),
                    "JUPYTER_RUNTIME_DIR": str(self.home / "jupyter-runtime"),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.get("api/status").status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        """End it as a shell does; its kernels go with it, runs do not."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """The same server again, at the same address."""
        self.stop()
        self.process = self._start()
        self._wait()

    def get(self, route: str, headers: dict[str, str] | None = None, **query: Any) -> Answer:
        words = f"?{urlencode(query)}" if query else ""
        return self.ask("GET", f"/{route}{words}", headers=headers)

    def post(self, route: str, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        return self.ask("POST", f"/{route}", json.dumps(body), headers)

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request; with the token unless other headers are given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        said = {"Authorization": f"token {TOKEN}"} if headers is None else headers
        try:
            connection.request(method, path, body, said)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode())
        finally:
            connection.close()

    def job(
        self, route: str, headers: dict[str, str] | None = None, **body: Any
    ) -> tuple[str, Any]:
        """Start a job and follow it; returns ``done`` or ``failed``, and what it said."""
        started = self.post(route, headers, **body)
        assert started.status == 200, started.text
        told = self.get("governed/jobs/events", headers, job=started.facts["job"])
        events = re.findall(r"event: (\w+)\ndata: (.*)\n", told.text)
        name, data = events[-1]
        return name, json.loads(data)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    root: Path, home: Path, python: str = sys.executable, **variables: str
) -> Iterator[Server]:
    """A server for as long as the block lasts, with more environment variables."""
    server = Server(root, home, python, variables=variables)
    try:
        yield server
    finally:
        server.stop()
