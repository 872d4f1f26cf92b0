"""Sessions as OpenLineage's events, into a file and to a server that fails half-way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.errors import ResourceMissing, UsageError
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.openlineage import delivery
from governed_kernel.lineage.openlineage.naming import of_uri, run_id
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.openlineage_schemas import problems
from tests.lineage.sessions import CLEAN, MODEL, Session, prepare, train

AT_ONCE = {"total": 0}


@pytest.fixture
def store(workspace: Workspace) -> Store:
    """Two sessions by files, a third with catalogued data, an error and a denied reading."""
    prepare(workspace)
    train(workspace)
    session = Session(workspace, "s3", start=2, run_id="run-1", notebook="")
    session.cell("frame = data.load('people')")
    uri = f"file://{workspace.snapshots}/{'1' * 64}/people.csv"
    session.access("read", uri, dataset="people", version="2", decision="allowed")
    frame = session.read_file(uri, ["age"], "1" * 64)
    session.access("read", "file:///data/secret", decision="denied")
    session.cell("frame.to_csv()")
    session.access("write", "file:///data/.out.tmp")
    session.access("delete", "file:///data/.out.tmp")
    session.write_file(frame, ["age"], "postgresql://db:5432/cases#public.people", "2" * 64)
    session.end()
    store = Store(workspace)
    store.ingest()
    registered = datetime(2026, 1, 1)
    store.replace_ledger_tables(
        Head(1, 1, b"1" * 32),
        {
            "datasets": [{"dataset": "people", "owner": "Registry office"}],
            "dataset_versions": [
                {
                    "dataset": "people",
                    "version": "2",
                    "sha256": "1" * 64,
                    "data_class": "personal",
                    "purposes": ["train"],
                    "legal_basis": "consent",
                    "registered_at": registered,
                }
            ],
            "runs": [{"run_id": "run-1", "release": "triage@1", "kind": "release"}],
            "releases": [{"release": "triage@1", "author": "dora", "digest": "d" * 64}],
        },
    )
    return store


def events_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def exported(store: Store, tmp_path: Path) -> list[dict[str, Any]]:
    delivery.to_file(store, tmp_path / "events.ndjson")
    return events_of(tmp_path / "events.ndjson")


def event(events: list[dict[str, Any]], job: str, state: str = "COMPLETE") -> dict[str, Any]:
    (found,) = [item for item in events if (item["job"]["name"], item["eventType"]) == (job, state)]
    return found


def test_every_event_and_facet_validates(exported: list[dict[str, Any]]) -> None:
    assert len(exported) == 3 * 2 + 2 * 8
    assert not [problem for item in exported for problem in problems(item)]


def test_a_wrong_event_does_not_validate(exported: list[dict[str, Any]]) -> None:
    del exported[0]["job"]["name"]
    exported[1]["run"]["runId"] = "s1"
    exported[-1]["outputs"][0]["facets"]["version"]["datasetVersion"] = 7
    exported[-2]["outputs"][0]["facets"]["columnLineage"]["fields"] = []
    assert [bool(problems(exported[index])) for index in (0, 1, -1, -2, 3)] == [
        *(True, True, True, True),
        False,
    ]


def test_a_notebook_is_a_job_and_a_cell_a_child_of_its_run(exported: list[dict[str, Any]]) -> None:
    names = Counter(item["job"]["name"] for item in exported)
    assert names["research/triage.ipynb"] == 4
    assert names["release/triage"] == 2
    assert names["release/triage.cell-1"] == 2
    cell = event(exported, "release/triage.cell-2")
    parent = cell["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == run_id("w-1", "s3")
    assert parent["job"] == {"namespace": "governed://w-1", "name": "release/triage", "facets": {}}
    run = event(exported, "release/triage", "START")["run"]
    tags = {tag["key"]: tag["value"] for tag in run["facets"]["tags"]["tags"]}
    assert tags == {
        "session_id": "s3",
        "run_id": "run-1",
        "run_kind": "release",
        "release": "triage@1",
    }


def test_a_cell_names_what_its_outputs_go_back_to(exported: list[dict[str, Any]]) -> None:
    cell = event(exported, "release/triage.cell-2")
    (read,), (written,) = cell["inputs"], cell["outputs"]
    assert (read["namespace"], read["name"]) == ("governed://w-1", "people")
    assert (written["namespace"], written["name"]) == ("postgres://db:5432", "cases.public.people")
    facets = read["facets"]
    assert facets["version"]["datasetVersion"] == "2"
    assert facets["ownership"]["owners"] == [{"name": "Registry office", "type": "OWNER"}]
    assert facets["documentation"]["description"] == "personal data for train; consent"
    assert facets["symlinks"]["identifiers"][0]["namespace"] == "file"
    lineage = written["facets"]["columnLineage"]["fields"]
    assert lineage["age"]["inputFields"] == [
        {
            "namespace": "governed://w-1",
            "name": "people",
            "field": "age",
            "transformations": [
                {"type": "DIRECT", "subtype": "IDENTITY", "description": "observed"}
            ],
        }
    ]


def test_what_concerns_every_column_is_said_once(exported: list[dict[str, Any]]) -> None:
    prepared = next(item for item in exported if item["outputs"])
    (written,) = prepared["outputs"]
    assert written["name"] == "/data/clean.parquet"
    lineage = written["facets"]["columnLineage"]
    assert [
        (item["field"], item["transformations"][0]["subtype"]) for item in lineage["dataset"]
    ] == [("sex", "FILTER")]
    assert {item["field"] for item in lineage["fields"]["size"]["inputFields"]} == {
        "radius",
        "texture",
    }
    assert [field["name"] for field in written["facets"]["schema"]["fields"]] == [
        *("radius", "size", "one")
    ]
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 569
    model = [
        output for item in exported for output in item["outputs"] if output["name"] == "/data/model"
    ]
    assert [item["field"] for item in model[0]["facets"]["columnLineage"]["dataset"]] == [
        *("one", "size")
    ]


def test_neither_denied_readings_nor_erasable_texts_leave(
    store: Store, exported: list[dict[str, Any]]
) -> None:
    text = json.dumps(exported)
    assert "/data/secret" not in text
    assert ".out.tmp" not in text
    for source in store.query("SELECT source FROM cells"):
        assert source["source"] not in text


def test_a_file_is_there_whole_or_as_it_was(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("as it was")
    monkeypatch.setattr(delivery, "_line", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(ResourceMissing, match="full"):
        delivery.to_file(store, path)
    assert path.read_text() == "as it was"
    assert [item.name for item in tmp_path.iterdir() if item.is_file()] == ["events.ndjson"]


def test_only_later_sessions_are_told(store: Store, tmp_path: Path) -> None:
    since = datetime(2026, 11, 21, 1, tzinfo=UTC)
    assert delivery.to_file(store, tmp_path / "events.ndjson", since).sessions == 2


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("file:///data/a%20b.csv", "file", "/data/a b.csv"),
        ("postgresql://db/cases", "postgres://db:5432", "cases"),
        ("mysql://db:3307/cases#people", "mysql://db:3307", "cases.people"),
        ("duckdb:///a.db#main.t", "duckdb", "/a.db/main.t"),
        ("s3://bucket/a/b.parquet", "s3://bucket", "a/b.parquet"),
        ("https://example.org/", "https://example.org", "/"),
        (MODEL, "file", "/data/model"),
    ],
)
def test_places_are_named_as_openlineage_names_them(uri: str, namespace: str, name: str) -> None:
    assert of_uri(uri) == (namespace, name)


# --- to a server -----------------------------------------------------------------------------


class Server:
    """A server that keeps what it is sent, and fails or kills the sender when told to."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.refuse_after: int | None = None
        self.kill_at: tuple[int, int] | None = None
        self.authorizations: set[str | None] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.authorizations.add(self.headers.get("Authorization"))
                full = outer.refuse_after is not None and len(outer.received) >= outer.refuse_after
                if not full:
                    outer.received.append(body)
                    if outer.kill_at and len(outer.received) == outer.kill_at[0]:
                        os.kill(outer.kill_at[1], signal.SIGKILL)
                        return
                self.send_response(503 if full else 201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v1/lineage"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def distinct(self) -> list[tuple[str, str, str]]:
        """The events as an idempotent receiver keeps them."""
        found = [
            (item["run"]["runId"], item["eventType"], item["eventTime"]) for item in self.received
        ]
        return list(dict.fromkeys(found))


@pytest.fixture
def receiver() -> Iterator[Server]:
    receiver = Server()
    yield receiver
    receiver.close()


def test_a_server_is_sent_each_event_once(
    store: Store, receiver: Server, exported: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "sesame")
    done = delivery.to_endpoint(store, receiver.url, retries=AT_ONCE)
    assert (done.events, receiver.received) == (len(exported), exported)
    assert receiver.authorizations == {"Bearer sesame"}
    again = delivery.to_endpoint(store, receiver.url, retries=AT_ONCE)
    assert (again.events, again.before) == (0, len(exported))
    kept = "".join(path.read_text() for path in (store.workspace.state / "exports").iterdir())
    assert "sesame" not in kept


def test_an_export_goes_on_where_a_server_failed(
    store: Store, receiver: Server, exported: list[dict[str, Any]]
) -> None:
    receiver.refuse_after = 5
    with pytest.raises(ResourceMissing, match="did not take event 6"):
        delivery.to_endpoint(store, receiver.url, retries=AT_ONCE)
    receiver.refuse_after = None
    assert delivery.to_endpoint(store, receiver.url, retries=AT_ONCE).before == 5
    assert receiver.received == exported


def test_a_session_that_goes_on_is_told_further(
    workspace: Workspace, store: Store, receiver: Server
) -> None:
    living = Session(workspace, "s9", start=5)
    living.cell("one")
    store.ingest()
    delivery.to_endpoint(store, receiver.url, retries=AT_ONCE)
    before = len(receiver.received)
    living.cell("two")
    living.end()
    store.ingest()
    assert delivery.to_endpoint(store, receiver.url, retries=AT_ONCE).events == 4
    assert [item["eventType"] for item in receiver.received[before:]] == [
        *("COMPLETE", "START", "COMPLETE", "COMPLETE")
    ]


@pytest.mark.parametrize("at", [1, 2, 9, 21])
def test_a_killed_export_goes_on_and_doubles_nothing(
    store: Store, receiver: Server, exported: list[dict[str, Any]], at: int
) -> None:
    code = (
        "import sys; from governed_kernel.workspace import Workspace\n"
        "from governed_kernel.lineage.store import Store\n"
        "from governed_kernel.lineage.openlineage import delivery\n"
        "from pathlib import Path\n"
        "sys.stdin.readline()\n"
        f"workspace = Workspace(Path({str(store.workspace.root)!r}))\n"
        f"delivery.to_endpoint(Store(workspace), {receiver.url!r})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        receiver.kill_at = at, process.pid
        process.communicate(b"\n", timeout=60)
    assert process.returncode == -signal.SIGKILL
    receiver.kill_at = None
    done = delivery.to_endpoint(store, receiver.url, retries=AT_ONCE)
    assert done.before == at - 1  # the last one's acknowledgement was lost, so it comes again
    assert len(receiver.received) == len(exported) + 1
    assert len(receiver.distinct()) == len(exported)
    assert receiver.received[at] == receiver.received[at - 1]


def test_a_torn_line_of_progress_is_dropped(store: Store, receiver: Server) -> None:
    receiver.refuse_after = 3
    with pytest.raises(ResourceMissing):
        delivery.to_endpoint(store, receiver.url, retries=AT_ONCE)
    (path,) = (store.workspace.state / "exports").glob("*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"session":"s1","ev')
    receiver.refuse_after = None
    assert delivery.to_endpoint(store, receiver.url, retries=AT_ONCE).before == 3
    assert len(receiver.distinct()) == len(receiver.received)


@pytest.mark.parametrize("url", ["http://", "ftp://host/x", "http://user:pass@host/api"])
def test_an_address_that_is_none_is_refused(store: Store, url: str) -> None:
    with pytest.raises(UsageError) as refused:
        delivery.to_endpoint(store, url)
    assert "pass" not in str(refused.value)


def test_a_server_that_is_not_there_is_named(store: Store, receiver: Server) -> None:
    receiver.close()
    with pytest.raises(ResourceMissing, match="did not take event 1"):
        delivery.to_endpoint(store, receiver.url, retries=AT_ONCE)


def test_written_places_are_told(exported: list[dict[str, Any]]) -> None:
    names = {output["name"] for item in exported for output in item["outputs"]}
    assert of_uri(CLEAN).name in names
