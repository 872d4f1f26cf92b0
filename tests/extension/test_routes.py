"""Every route: who may ask, what may be asked, and how it says no."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from governed_server import routes
from governed_server.routes.asked import Signed
from governed_server.routing import ROUTES, Route

from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    Decided,
    SessionStarted,
    now,
)
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.workspace import Workspace
from tests.extension.server import TOKEN, Server, serving
from tests.kernel.running import home_of, make_workspace, wait_until

pytestmark = pytest.mark.slow
SECRET = "not the passphrase of ada"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = make_workspace(tmp_path_factory.mktemp("served") / "garden")
    (made.root.parent / "empty").mkdir()
    (made.root / "note.csv").write_text("a\n1\n")
    return made


@pytest.fixture(scope="module")
def server(workspace: Workspace) -> Iterator[Server]:
    with serving(workspace.root.parent, home_of(workspace)) as found:
        yield found


def every_route() -> list[Route]:
    assert routes.__all__
    return list(ROUTES.values())


@pytest.mark.parametrize("route", every_route(), ids=lambda route: f"{route.method} {route.path}")
def test_no_route_answers_whom_jupyter_does_not_know(server: Server, route: Route) -> None:
    method = "GET" if route.method == "STREAM" else route.method
    for headers in ({}, {"Authorization": "token another"}):
        answer = server.ask(method, f"/governed/{route.path}", "{}", headers)
        assert answer.status == 403, route


@pytest.mark.parametrize(
    "route",
    [route for route in every_route() if route.method == "POST"],
    ids=lambda route: route.path,
)
def test_no_route_acts_on_a_cookie_alone(server: Server, route: Route) -> None:
    page = server.ask("GET", f"/lab?token={TOKEN.replace(' ', '+')}", headers={})
    assert page.status in (200, 302)
    cookie = login_cookie(server)
    answer = server.ask("POST", f"/governed/{route.path}", "{}", {"Cookie": cookie})
    assert answer.status == 403, "a page elsewhere could make a browser send this"
    assert "XSRF" in answer.text or "_xsrf" in answer.text


def login_cookie(server: Server) -> str:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/lab?token={TOKEN.replace(' ', '+')}")
    answer = connection.getresponse()
    answer.read()
    said = answer.headers.get_all("Set-Cookie") or []
    connection.close()
    return "; ".join(item.split(";")[0] for item in said)


def test_whatever_acts_for_a_person_takes_their_passphrase(server: Server) -> None:
    # a kernel may reach the server; it knows names and no passphrase
    acting = {route.path for route in every_route() if issubclass(route.asked, Signed)}
    reading = {"checks", "checks/bounds", "release/review", "audit/verify", "audit/report"}
    posts = {route.path for route in every_route() if route.method == "POST"}
    assert posts - acting == reading
    for path in ("runs", "runs/cancel", "release/end", "deployments"):
        said: dict[str, Any] = {"path": "garden", "person": "ada", "release": "x@1", "run": "x"}
        answer = server.post(f"governed/{path}", **said)
        assert answer.status == 400, "no passphrase, no request"


def test_a_wrong_passphrase_starts_nothing_and_is_written_nowhere(
    server: Server, workspace: Workspace
) -> None:
    said: dict[str, Any] = {"path": "garden", "person": "ada", "passphrase": SECRET}
    for route in ("deployments", "runs"):  # a third one in a row would lock the key
        more: dict[str, Any] = {"release": "nothing@1", "environment": "preprod"}
        state, error = server.job(f"governed/{route}", **more, **said)
        assert (state, error["error"]) == ("failed", "SignatureRefused"), route
    assert error["why"]
    assert error["next"]
    assert SECRET not in server.log.read_text()
    assert not [*workspace.runs.glob("*/plan.json")]


def test_what_does_not_fit_is_refused_without_repeating_it(server: Server) -> None:
    answer = server.post("governed/release/approve", passphrase=[SECRET], person="ada")
    assert answer.status == 400
    assert answer.facts["error"] == "UsageError"
    assert SECRET not in answer.text
    assert SECRET not in server.log.read_text()


@pytest.mark.parametrize("path", ["../../../etc", "garden/../../..", "/../.."])
def test_paths_do_not_leave_the_servers_folder(server: Server, path: str) -> None:
    answer = server.get("governed/status", path=path)
    assert answer.status == 400
    assert set(answer.facts) >= {"what", "why", "next"}


def test_a_registration_does_not_reach_outside_of_the_workspace(
    server: Server, workspace: Workspace
) -> None:
    (workspace.root / "way-out").symlink_to("/etc")
    for file in ("/etc/hostname", "../empty", "way-out/hostname"):
        said: dict[str, Any] = {
            **{"path": "garden", "person": "ada", "passphrase": "a passphrase of ada's"},
            **{"name": "host", "file": file, "data_class": "public", "owner": "Ada"},
            **{"purposes": ["explore"], "legal_basis": "none"},
        }
        state, error = server.job("governed/catalog/versions", **said)
        assert state == "failed"
        assert "outside" in error["what"]


def test_without_a_workspace_it_offers_to_make_one(server: Server, workspace: Workspace) -> None:
    before = server.get("governed/status", path="empty").facts
    assert before["workspace"] is None
    assert "governed init" in before["problem"]["next"]
    of = server.get("governed/release/notebook", path="empty/release/old@1/mine.ipynb")
    assert of.facts == {"release": None}, "else it could not be edited"
    said: dict[str, Any] = {
        **{"path": "empty", "person": "ada", "passphrase": "a passphrase of ada's"},
        **{"printed_name": "Ada Lovelace", "name": "Orchard"},
    }
    made = server.post("governed/workspaces", **said)
    assert made.status == 200, made.text
    after = server.get("governed/status", path="empty").facts
    assert after["workspace"]["name"] == "Orchard"
    assert after["workspace"]["people"][0]["printed_name"] == "Ada Lovelace"
    assert server.get("governed/releases", path="garden").facts["rows"] == []


def test_lists_of_a_workspace_in_which_nothing_was_done_are_empty(server: Server) -> None:
    for route in ("evaluations", "runs", "catalog", "audit/verdicts"):
        page = server.get(f"governed/{route}", path="garden").facts
        assert page == {"total": 0, "all": 0, "counts": {}, "rows": []}, route
    state, found = server.job("governed/audit/verify", path="garden")
    assert (state, found["whole"]) == ("done", True)
    assert found["counts"]["ledger"] == {"ok": 1}
    stood = server.get("governed/audit/as-of", path="garden", date="2999-12-31").facts
    assert (stood["live"], stood["approved"], stood["running"]) == ([], [], [])
    before = server.get("governed/audit/as-of", path="garden", date="1999-12-31")
    assert (before.status, before.facts["error"]) == (404, "UnknownName")
    titles = [item["title"] for item in server.get("governed/templates").facts]
    assert "Look at data" in titles


def test_questions_are_answered_by_page_and_what_does_not_fit_is_refused(
    server: Server, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(workspace)))
    empty = server.get("governed/sessions", path="garden").facts
    assert empty == {"total": 0, "sessions": []}
    for name in ("s1", "s2", "s3"):
        written = SessionRecord(workspace, name, durable=False)
        at: dict[str, Any] = {"execution": 1, "cell_id": "c"}
        said: dict[str, Any] = {"mode": "research", "user_name": "u", "host": "h", "pid": 1}
        written.add(SessionStarted(session_id=name, notebook=f"{name}.ipynb", **said))
        written.add(CellStarted(source=written.payload("x"), **at))
        read: dict[str, Any] = {"operation": "read", "kind": "file", "via": "open"}
        written.add(Access(access_id=1, uri="file:///d/a.csv", occurred_at=now(), **read, **at))
        written.add(CellEnded(status="ok", **at))
        assert written.seal() == ""
    # Nobody asks, and the store knows: the server has it brought up to date while it is up.
    wait_until(lambda: len(known(workspace)) == 3)
    page = server.get("governed/sessions", path="garden", limit=2, offset=1).facts
    assert page["total"] == 3
    assert [(row["session_id"], row["state"]) for row in page["sessions"]] == [
        ("s2", "sealed"),
        ("s1", "sealed"),
    ]
    assert server.get("governed/sessions", path="garden", search="S3.IP").facts["total"] == 1
    pair = server.get("governed/lineage/diff", path="garden", first="s1", second="s2").facts
    assert pair["same"] is False
    asked: dict[str, Any] = {"path": "garden", "target": "file:///d/a.csv", "limit": 1, "offset": 2}
    found = server.get("governed/lineage/readers", **asked).facts
    assert (found["total"], [row["notebook"] for row in found["readings"]]) == (3, ["s3.ipynb"])
    assert server.get("governed/lineage/readers", **asked, until="1999-12-31").facts["total"] == 0
    assert server.get("governed/catalog/retention", path="garden", everything=True).facts == []
    for route, wrong, status in (
        ("sessions", {"limit": 5_000}, 400),
        ("sessions", {"offset": -1}, 400),
        ("sessions", {"limit": "two"}, 400),
        ("releases", {"limit": 5_000}, 400),
        ("runs", {"offset": -1}, 400),
        ("lineage/diff", {"first": "s1"}, 400),
        ("lineage/diff", {"first": "s1", "second": "s9"}, 404),
        ("lineage/readers", {"target": "nothing"}, 404),
        ("lineage/readers", {"target": "x", "since": "soon"}, 400),
        ("release/unregistered", {"release": "nothing@1"}, 404),
        ("catalog/retention", {"day": "soon"}, 400),
    ):
        answer = server.get(f"governed/{route}", path="garden", **wrong)
        assert answer.status == status, (route, wrong, answer.text)
        assert set(answer.facts) >= {"error", "what", "why", "next"}


def test_a_text_that_is_too_long_is_refused_in_words(server: Server) -> None:
    said: dict[str, Any] = {"path": "garden", "person": "ada", "passphrase": "a passphrase"}
    answer = server.post("governed/release/end", **said, reason="x" * (1 << 20))
    assert (answer.status, answer.facts["error"]) == (400, "UsageError")
    assert "at most 1,048,576" in answer.facts["why"]


def test_a_name_that_no_file_can_have_is_refused_in_words(server: Server) -> None:
    long = "x" * 300
    for answer in (
        server.get("governed/status", path=long),
        server.get("governed/runs/notebook", path="garden", run=long),
        server.get("governed/runs/events", path="garden", run=long),
        server.post("governed/checks", path=f"garden/{long}.ipynb", name="", fields={}),
    ):
        assert answer.status in (400, 404), answer.text
        assert set(answer.facts) >= {"error", "what", "why", "next"}


def test_a_job_with_a_name_that_no_file_can_have_fails_in_words(server: Server) -> None:
    said: dict[str, Any] = {
        **{"path": "garden", "person": "ada", "passphrase": "a passphrase of ada's"},
        **{"name": "note", "file": "x" * 300, "data_class": "public", "owner": "Ada"},
        **{"purposes": ["explore"], "legal_basis": "none"},
    }
    state, error = server.job("governed/catalog/versions", **said)
    assert (state, error["error"]) == ("failed", "UsageError")
    assert "too long for a file" in error["what"]


def known(workspace: Workspace) -> list[Any]:
    """The sessions that the store knows as it lies there."""
    with Store(workspace).read() as connection:
        return connection.execute("SELECT session_id FROM sessions").fetchall()


def test_a_name_that_is_not_there_says_what_is(server: Server) -> None:
    answer = server.get("governed/release", path="garden", release="nothing@1")
    assert answer.status == 404
    assert answer.facts["error"] == "UnknownName"
    assert "governed promote" in answer.facts["next"]
    assert server.get("governed/runs/events", path="garden", run="../x").status == 404


PROXIED = """\
from jupyter_server.auth.identity import IdentityProvider, User


class Proxied(IdentityProvider):
    \"\"\"Who signed in is said by a proxy before the server; with the token alone it is ada.\"\"\"

    async def get_user(self, handler):
        name = handler.request.headers.get("X-Signed-In", "ada")
        return await self.get_user_token(handler) and User(name)

    def is_token_authenticated(self, handler):
        return True  # there is no other way in


c.ServerApp.identity_provider_class = Proxied
"""


def test_where_the_server_knows_people_the_person_is_who_signed_in(
    workspace: Workspace, tmp_path: Path
) -> None:
    settings = tmp_path / "jupyter-config" / "jupyter_server_config.py"
    settings.parent.mkdir()
    settings.write_text(PROXIED)
    with serving(workspace.root.parent, tmp_path) as server:
        for remembered in ("", "rui"):
            status = server.get("governed/status", path="garden", person=remembered).facts
            assert (status["signed_in"], status["person"]) == (True, "ada")
        other = server.get("governed/releases", path="garden", person="rui")
        assert (other.status, other.facts["error"]) == (409, "Refused")
        assert "you signed in to this server as ada" in other.facts["why"]
        page = server.get("governed/releases", path="garden", person="ada").facts
        assert (page["all"], page["counts"]) == (0, {"mine": 0})
        said = {"path": "garden", "release": "x@1", "environment": "e", "passphrase": SECRET}
        proxy = {"Authorization": f"token {TOKEN}", "X-Signed-In": "rui"}
        for headers, what in (
            (proxy, "nobody here is called 'rui'"),
            (None, "ada has no key on this machine"),  # it lies in another home
        ):
            state, error = server.job("governed/deployments", headers, person="", **said)
            assert (state, error["error"], error["what"]) == ("failed", "SignatureRefused", what)
        before = len(Ledger(workspace).events())
        other = server.post("governed/deployments", None, person="rui", **said)
        assert (other.status, other.facts["what"]) == (409, "you can't act as rui")
        assert SECRET not in workspace.ledger.read_text()
    (tried,) = Ledger(workspace).events()[before:]  # by who signed in; what only asked left none
    assert isinstance(tried, Decided)
    assert (tried.person, tried.action, tried.resource) == ("ada", "deployments", "x@1")
    assert (tried.outcome, tried.reason.partition(":")[0]) == ("denied", "you can't act as rui")


def test_on_a_server_of_one_s_own_the_browser_says_who_it_is(server: Server) -> None:
    status = server.get("governed/status", path="garden", person="rui").facts
    assert (status["signed_in"], status["person"]) == (False, "rui")


def test_the_kernel_of_releases_is_not_offered_and_can_be_named(server: Server) -> None:
    offered = server.get("api/kernelspecs").facts["kernelspecs"]
    assert "governed-research" in offered
    assert "governed-release" not in offered, "whoever chose it was refused"
    named = server.get("api/kernelspecs/governed-release")
    assert named.facts["spec"]["metadata"]["governed"] == {"mode": "release"}


def test_the_tokens_that_open_a_server_are_not_for_kernels() -> None:
    from governed_kernel.kernel.provisioner import without_tokens

    kept = without_tokens({"JUPYTER_TOKEN": "x", "JPY_API_TOKEN": "x", "HOME": "/home/ada"})
    assert kept == {"HOME": "/home/ada"}


def test_a_passphrase_shows_in_no_representation() -> None:
    for route in every_route():
        if issubclass(route.asked, Signed):
            assert route.asked.__repr__ is Signed.__repr__
    assert SECRET not in repr(Signed(person="ada", passphrase=SECRET))


def test_one_version_is_said_everywhere() -> None:
    import json

    import governed_kernel

    package = Path(__file__).parents[2] / "extension" / "package.json"
    assert json.loads(package.read_text())["version"] == governed_kernel.__version__
