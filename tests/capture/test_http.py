"""What is fetched and sent is on record with its status and digest, whichever library does it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from governed_kernel.lineage.events import Access, ObserverLost
from tests.benchmarks.corpus.services import SECRETS, http_server

from .recording import Recording, record

TEXT = b"id,name\n1,ada\n" * 5000
DIGEST = hashlib.sha256(TEXT).hexdigest()

CELLS = {
    "urllib": """
import urllib.request
assert urllib.request.urlopen(HTTP + "/people.csv").read() == TEXT
""",
    "urllib by lines": """
import urllib.request
with urllib.request.urlopen(HTTP + "/people.csv") as reply:
    assert b"".join(reply) == TEXT
""",
    "urllib into a buffer": """
import io, urllib.request
with urllib.request.urlopen(HTTP + "/chunked") as reply:
    assert io.BufferedReader(reply).read() == TEXT
""",
    "urllib, part of it": """
import urllib.request
reply = urllib.request.urlopen(HTTP + "/people.csv")
reply.read(10)
""",
    "urllib, redirected": """
import urllib.request
urllib.request.urlopen(HTTP + "/moved").read()
""",
    "urllib, not found": """
import urllib.error, urllib.request
try:
    urllib.request.urlopen(HTTP + "/missing")
except urllib.error.HTTPError as error:
    error.read()
""",
    "urllib, nobody there": """
import urllib.error, urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:9/")
except urllib.error.URLError:
    pass
""",
    "requests": """
import requests
assert requests.get(HTTP + "/people.csv").content == TEXT
""",
    "requests, chunks": """
import requests
with requests.get(HTTP + "/chunked", stream=True) as reply:
    assert b"".join(reply.iter_content(1000)) == TEXT
""",
    "requests, gzip": """
import requests
assert requests.get(HTTP + "/gzip").content == TEXT
""",
    "requests, HEAD": """
import requests
requests.head(HTTP + "/people.csv")
""",
    "requests, POST": """
import requests
requests.post(HTTP + "/echo", data=b"x" * 10, auth=("ada", "pass-of-ada"))
requests.get(HTTP + "/people.csv?token=tok-of-ada", headers={"X-Api-Key": "key-of-ada"})
""",
    "urllib3, chunks": """
import urllib3
assert urllib3.request("GET", HTTP + "/chunked").data == TEXT
""",
    "httpx": """
import httpx
assert httpx.get(HTTP + "/people.csv").content == TEXT
""",
    "httpx, gzip": """
import httpx
with httpx.stream("GET", HTTP + "/gzip") as reply:
    assert b"".join(reply.iter_bytes(100)) == TEXT
""",
    "httpx, async": """
import asyncio, httpx
async def fetch():
    async with httpx.AsyncClient() as client:
        assert (await client.get(HTTP + "/chunked")).content == TEXT
asyncio.run(fetch())
""",
    "aiohttp": """
import aiohttp, asyncio
async def fetch():
    async with aiohttp.ClientSession() as session:
        async with session.get(HTTP + "/people.csv") as reply:
            assert await reply.read() == TEXT
        async with session.get(HTTP + "/chunked") as reply:
            assert b"".join([part async for part in reply.content.iter_chunked(1000)]) == TEXT
        async with session.head(HTTP + "/people.csv"):
            pass
asyncio.run(fetch())
""",
    "pandas": """
import pandas as pd
assert len(pd.read_csv(HTTP + "/people.csv")) > 9000
""",
    "forbidden": """
import requests
try:
    requests.get(HTTP + "/forbidden/people.csv")
except Exception as error:
    assert type(error).__name__ == "PolicyDenied", error
else:
    raise AssertionError("it was fetched")
""",
    "forbidden to httpx": """
import asyncio
async def fetch():
    async with httpx.AsyncClient() as client:
        await client.get(HTTP + "/forbidden/people.csv")
try:
    asyncio.run(fetch())
except Exception as error:
    assert type(error).__name__ == "PolicyDenied", error
else:
    raise AssertionError("it was fetched")
""",
    "an error is the library's own": """
import traceback
try:
    requests.get("http://127.0.0.1:9/")
except requests.ConnectionError:
    assert "governed_kernel" not in traceback.format_exc()
try:
    httpx.get("http://127.0.0.1:9/")
except httpx.ConnectError:
    assert "governed_kernel" not in traceback.format_exc()
""",
}


class Fetched:
    """The recording, and what each cell fetched."""

    def __init__(self, recording: Recording, port: int) -> None:
        self.recording = recording
        self._root = f"http://127.0.0.1:{port}"

    def by(self, cell: str) -> list[tuple[str, str, str, int]]:
        """Operation, path, library and status."""
        return [
            (access.operation, access.uri.removeprefix(self._root), access.via, access.status)
            for access in self.accesses(cell)
        ]

    def accesses(self, cell: str) -> list[Access]:
        number = list(CELLS).index(cell) + 2
        return [access for access in self.recording.of(Access, number) if access.kind == "http"]

    def digests(self, cell: str) -> list[str]:
        return [access.sha256 for access in self.accesses(cell)]


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fetched]:
    folder = tmp_path_factory.mktemp("fetched")
    (folder / "people.csv").write_bytes(TEXT)
    (folder / "forbidden").mkdir()
    (folder / "forbidden" / "people.csv").write_bytes(TEXT)
    with http_server(folder) as port:
        preparation = f"HTTP = 'http://127.0.0.1:{port}'; TEXT = open('people.csv', 'rb').read()"
        recording = record(folder, [preparation, *CELLS.values()])
        yield Fetched(recording, port)


def test_nothing_failed(fetched: Fetched) -> None:
    assert not [error for error in fetched.recording.errors if error]
    lost = fetched.recording.of(ObserverLost)
    assert not [(each.observer, fetched.recording.texts[each.error]) for each in lost]


@pytest.mark.parametrize(
    ("cell", "via"),
    [
        ("urllib", "urllib"),
        ("urllib by lines", "urllib"),
        ("urllib into a buffer", "urllib"),
        ("requests", "requests"),
        ("requests, chunks", "requests"),
        ("urllib3, chunks", "urllib3"),
        ("httpx", "httpx"),
        ("httpx, async", "httpx"),
    ],
)
def test_a_body_is_known_by_its_digest_however_it_is_read(
    fetched: Fetched, cell: str, via: str
) -> None:
    (access,) = fetched.accesses(cell)
    assert (access.operation, access.via, access.status) == ("read", via, 200)
    assert (access.sha256, access.bytes) == (DIGEST, len(TEXT))


@pytest.mark.parametrize("cell", ["requests, gzip", "httpx, gzip"])
def test_the_digest_is_that_of_the_body_as_it_came(fetched: Fetched, cell: str) -> None:
    (access,) = fetched.accesses(cell)
    assert access.sha256 != DIGEST
    assert 0 < access.bytes < len(TEXT)


def test_what_is_not_read_to_its_end_has_a_status_and_no_digest(fetched: Fetched) -> None:
    assert fetched.by("urllib, part of it") == [("read", "/people.csv", "urllib", 200)]
    assert fetched.digests("urllib, part of it") == [""]
    assert fetched.by("requests, HEAD") == [("read", "/people.csv", "requests", 200)]


def test_each_hop_of_a_redirection_is_a_request(fetched: Fetched) -> None:
    assert fetched.by("urllib, redirected") == [
        ("read", "/moved", "urllib", 302),
        ("read", "/people.csv", "urllib", 200),
    ]


def test_an_answer_that_says_no_and_no_answer_at_all_are_on_record(fetched: Fetched) -> None:
    assert fetched.by("urllib, not found") == [("read", "/missing", "urllib", 404)]
    assert fetched.by("urllib, nobody there") == [("read", "http://127.0.0.1:9/", "urllib", 0)]


def test_what_is_sent_is_written(fetched: Fetched) -> None:
    assert fetched.by("requests, POST")[0] == ("write", "/echo", "requests", 200)


def test_aiohttp_tells_the_same(fetched: Fetched) -> None:
    assert fetched.by("aiohttp") == [
        ("read", "/people.csv", "aiohttp", 200),
        ("read", "/chunked", "aiohttp", 200),
        ("read", "/people.csv", "aiohttp", 200),
    ]
    assert fetched.digests("aiohttp")[:2] == [DIGEST, DIGEST]


def test_a_reader_that_fetches_reports_it_once_and_with_its_digest(fetched: Fetched) -> None:
    (access,) = fetched.accesses("pandas")
    assert (access.via, access.status, access.sha256) == ("pandas.read_csv", 200, DIGEST)


def test_policy_decides_before_anything_is_sent(fetched: Fetched) -> None:
    for cell in ("forbidden", "forbidden to httpx"):
        (access,) = fetched.accesses(cell)
        assert (access.decision, access.status) == ("denied", 0)


def test_no_credential_is_stored(fetched: Fetched) -> None:
    recording = fetched.recording
    said = [*recording.texts.values(), *map(str, recording.events)]
    assert not [secret for secret in SECRETS for text in said if secret in text]
