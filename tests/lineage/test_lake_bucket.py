"""A lake whose files lie in a bucket, by HTTP: a server of moto's speaks the protocol of S3.

It is found as ``moto_server`` on the path or named by ``MOTO_SERVER``:
``python -m venv V && V/bin/pip install 'moto[server,s3]' && MOTO_SERVER=V/bin/moto_server …``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from governed_kernel.errors import ResourceMissing
from governed_kernel.lineage.graph import trace
from governed_kernel.lineage.lake import Lake
from governed_kernel.lineage.lake_engine import Engine
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.kernel.running import wait_until
from tests.lineage import lakes, sessions
from tests.lineage.sessions import MODEL, prepare, train, workspace_at
from tests.lineage.test_lake import said, said_by_a_file

pytestmark = pytest.mark.full

BUCKET = "lineage"
_SERVER = os.environ.get("MOTO_SERVER") or shutil.which("moto_server")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Address of a server that speaks S3, with an empty bucket."""
    if not _SERVER:
        pytest.skip("no moto_server on the path, and MOTO_SERVER names none")
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [_SERVER, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_until(lambda: _answers(port))
            made = urllib.request.Request(f"{address}/{BUCKET}", method="PUT")
            urllib.request.urlopen(made).close()
            yield address
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    with contextlib.closing(socket.socket()) as there:
        return there.connect_ex(("127.0.0.1", port)) == 0


def objects(endpoint: str) -> set[str]:
    """The names of all objects in the bucket."""
    with urllib.request.urlopen(f"{endpoint}/{BUCKET}?list-type=2&max-keys=1000") as answer:
        found = ElementTree.fromstring(answer.read())
    return {each.text or "" for each in found.iter() if each.tag.endswith("}Key")}


@pytest.fixture
def bucket(server: lakes.Server, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings of a lake whose files lie there."""
    monkeypatch.setenv("PGPASSWORD", lakes.PASSWORD)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-ada")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-ada")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    settings = server.settings(f"s3://{BUCKET}/team")
    monkeypatch.setattr(sessions, "STORE", settings)
    return settings


def test_workspaces_share_a_lake_whose_files_lie_in_a_bucket(
    bucket: str, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = workspace_at(tmp_path / "a"), workspace_at(tmp_path / "b", "w-2")
    prepare(here)
    train(here)
    train(there)
    for place in (here, there):
        store = Store(place)
        assert isinstance(store, Lake)
        store.ingest()
        assert said(place) == said_by_a_file(place, tmp_path / f"{place.root.name}.duckdb")
    assert objects(endpoint)
    assert all(name.startswith("team/") for name in objects(endpoint))
    assert not list(tmp_path.rglob("*.parquet")), "nothing lies here"
    rows = Store(there).query("select workspace, count(*) as many from sessions group by all")
    assert sorted(tuple(row.values()) for row in rows) == [("w-1", 2), ("w-2", 1)]
    assert trace(here, MODEL, columns=True).columns

    _erase_a_text(here, endpoint)
    Store(there).remove()
    rows = Store(here).query("select distinct workspace from sessions")
    assert [row["workspace"] for row in rows] == ["w-1"]

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ResourceMissing) as down:
        Store(here).query("select * from accesses")
    assert "secret-of-ada" not in str(down.value)


def _erase_a_text(workspace: Workspace, endpoint: str) -> None:
    """What held a text goes from the bucket, earlier states included."""
    assert _that_say(workspace, "patients.csv", endpoint)
    (workspace.journals / "s1.payloads.jsonl").unlink()
    Store(workspace).forget()
    Store(workspace).ingest()
    assert not _that_say(workspace, "patients.csv", endpoint)
    rows = Store(workspace).query("select session_id from cells where source is not null")
    assert {row["session_id"] for row in rows} == {"s2"}


def _that_say(workspace: Workspace, text: str, endpoint: str) -> list[str]:
    """The objects with texts in which this one is."""
    found = []
    with contextlib.closing(Engine(workspace.settings)._loaded()) as connection:
        for name in sorted(name for name in objects(endpoint) if "payloads" in name):
            sql = f"select count(*) from 's3://{BUCKET}/{name}' where text like '%{text}%'"
            if connection.execute(sql).fetchall() != [(0,)]:
                found.append(name)
    return found
