"""An observer that fails loses its own detail, and never the user's result."""

from __future__ import annotations

import pytest

from governed_kernel.lineage.events import Access, ObserverLost
from tests.benchmarks.corpus.services import http_server

from .recording import Recording, record

CELLS = [
    """
import http.client, urllib.request
from governed_kernel.capture.exchanges import Exchange, Exchanges
def fail(*_, **__):
    raise ZeroDivisionError("an observer's own mistake")
working = Exchange.feed
Exchange.feed = fail
assert urllib.request.urlopen(HTTP + "/people.csv").read() == b"a,b"
Exchange.feed = working
""",
    """
beginning = Exchanges.begin
Exchanges.begin = fail
assert urllib.request.urlopen(HTTP + "/people.csv").read() == b"a,b"
Exchanges.begin = beginning
""",
    """
import sqlite3
from governed_kernel.capture.queries import Queries
executing = Queries.execute
Queries.execute = fail
con = sqlite3.connect("made.db")
con.execute("create table a (x)")
assert con.execute("select count(*) from a").fetchall() == [(0,)]
Queries.execute = executing
assert con.execute("select count(*), 1 from a").fetchall() == [(0, 1)]
""",
    """
assert urllib.request.urlopen(HTTP + "/people.csv").read() == b"a,b"
""",
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("failing")
    (folder / "people.csv").write_bytes(b"a,b")
    with http_server(folder) as port:
        address = f"HTTP = 'http://127.0.0.1:{port}'"
        return record(folder, [address + CELLS[0], *CELLS[1:]])


def test_the_users_work_is_done(recording: Recording) -> None:
    assert not [error for error in recording.errors if error]


def test_each_loss_is_on_record(recording: Recording) -> None:
    lost = [(each.execution, each.observer, each.error_name) for each in recording.of(ObserverLost)]
    assert {execution for execution, _, _ in lost} == {1, 2, 3}
    assert {name for _, _, name in lost} == {"ZeroDivisionError"}


def test_what_another_observer_saw_is_still_there(recording: Recording) -> None:
    kinds = [{access.kind for access in recording.of(Access, number)} for number in (1, 2, 3, 4)]
    assert kinds == [{"socket", "http"}, {"socket"}, {"sql"}, {"socket", "http"}]
    (fetched,) = [access for access in recording.of(Access, 4) if access.kind == "http"]
    assert fetched.sha256
