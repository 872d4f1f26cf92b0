"""What the idioms connect to: an HTTP server and a PostgreSQL, each in a process of its own.

As a script it is the HTTP server of the folder it runs in, and prints its port.
"""

from __future__ import annotations

import contextlib
import gzip
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["PASSWORD", "SECRETS", "PostgreSQL", "http_server", "postgresql"]

PASSWORD = "pass-of-ada"
SECRETS = (PASSWORD, "tok-of-ada", "key-of-ada", "YWRhOnBhc3Mtb2YtYWRh")
"""What must never be in a record; the last is what basic authentication makes of it."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of the folder; ``/moved`` leads to one, ``/gzip`` and ``/chunked`` send it so,
    and ``/echo`` takes what is sent.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/moved":
            self._answer(302, Location="/people.csv")
        elif self.path == "/gzip":
            body = gzip.compress(Path("people.csv").read_bytes())
            self._answer(200, body, **{"Content-Encoding": "gzip"})
        elif self.path == "/chunked":
            self._answer_in_chunks(Path("people.csv").read_bytes())
        else:
            super().do_GET()

    def do_POST(self) -> None:
        self._answer(200, self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def do_PUT(self) -> None:
        self.do_POST()

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _answer_in_chunks(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(body), 10_000):
            part = body[start : start + 10_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    """Says nothing when a client goes away in the middle."""

    def handle_error(self, *_: Any) -> None:
        """Say nothing."""


def _serve() -> None:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


@contextlib.contextmanager
def http_server(folder: Path) -> Iterator[int]:
    """Serve the files of `folder`; gives the port."""
    process = subprocess.Popen(
        [sys.executable, __file__], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


class PostgreSQL:
    """A server with one database ``corpus``, which ``ada`` may use.

    Attributes
    ----------
    port : int
        Where it listens, on the loopback address.
    socket_folder : str
        Where its Unix socket lies.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self.port = _free_port()
        self.socket_folder = str(folder)
        self._programs = programs
        self._data = folder / "data"
        # It refuses to run as root.
        self._user: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if _is_root() else {}
        if self._user:
            shutil.chown(folder, "nobody", "nogroup")

    @property
    def dsn(self) -> str:
        """With the password in it, as notebooks have them."""
        return f"postgresql://ada:{PASSWORD}@127.0.0.1:{self.port}/corpus"

    @property
    def socket_dsn(self) -> str:
        """By its Unix socket."""
        return (
            f"host={self.socket_folder} port={self.port} user=ada password={PASSWORD} dbname=corpus"
        )

    def start(self) -> None:
        """Make a cluster and start it; returns when it answers."""
        password = self._data.with_name("password")
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._call("initdb", "-D", self._data, "-U", "ada", "-A", "scram-sha-256", "-E", "UTF8",
                   "--locale=C", "--no-sync", f"--pwfile={password}")  # fmt: skip
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off "
            f"-c unix_socket_directories={self.socket_folder}"
        )
        self._call(
            "pg_ctl", "-D", self._data, "-o", options, "-l", f"{self._data}.log", "-w", "start"
        )
        self._sql("postgres", "create database corpus")

    def fill(self, people: Path) -> None:
        """A table of the people in a CSV file."""
        self._sql("corpus", "create table people (id int, name text, age int, ward text)")
        with people.open() as rows:
            self._sql("corpus", "copy people from stdin with (format csv, header)", stdin=rows)

    def stop(self) -> None:
        """At once."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._call("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    def _sql(self, database: str, statement: str, **options: Any) -> None:
        address = ("-h", self.socket_folder, "-p", self.port, "-U", "ada", "-d", database)
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        self._call("psql", *address, "-q", "-c", statement, env=environment, **options)

    def _call(self, program: str, *arguments: Any, **options: Any) -> None:
        found = self._programs / program
        subprocess.run(
            [found if found.exists() else program, *map(str, arguments)],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            **self._user,
            **options,
        )


def _is_root() -> bool:
    return os.geteuid() == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _programs() -> Path | None:
    """Where PostgreSQL's programs are; Debian keeps them out of PATH."""
    for initdb in [
        shutil.which("initdb"),
        *map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")),
    ]:
        if initdb is not None and Path(initdb).resolve().with_name("postgres").exists():
            return Path(initdb).resolve().parent
    return None


@contextlib.contextmanager
def postgresql(people: Path) -> Iterator[PostgreSQL | None]:
    """A running server, or None where it isn't installed."""
    programs = _programs()
    if programs is None or shutil.which("psql") is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        server = PostgreSQL(programs, Path(folder))
        try:
            server.start()
            server.fill(people)
            yield server
        finally:
            server.stop()


if __name__ == "__main__":
    _serve()
