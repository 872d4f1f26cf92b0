from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.workspace import Workspace
from tests.cli.commands import Command


@pytest.fixture(autouse=True)
def inside(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)


def test_a_person_is_added_with_a_key_made_here(governed: Command) -> None:
    done = governed(
        "people",
        "add",
        "nina",
        "--role",
        "reviewer",
        "--role",
        "legal",
        "--printed-name",
        "Nina Simone",
        "--key-passphrase-file",
        governed.secret("nina"),
        *governed.signed("ada"),
    )
    assert done.code == 0, done.err
    shown = governed("people", "show", "nina", "--json").facts
    assert (shown["printed_name"], shown["roles"]) == ("Nina Simone", ["reviewer", "legal"])
    assert "BEGIN PUBLIC KEY" in shown["keys"][0]["public_key"]


def test_a_person_is_added_with_a_key_made_elsewhere(
    governed: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = str(tmp_path / "home")
    monkeypatch.setenv("GOVERNED_HOME", str(tmp_path / "elsewhere"))
    made = governed("people", "key", "nina", "--passphrase-file", governed.secret("nina"))
    assert made.code == 0, made.err
    public = tmp_path / "nina.pub"
    public.write_text(made.out)
    monkeypatch.setenv("GOVERNED_HOME", here)
    arguments = ("people", "add", "nina", "--role", "reviewer", "--public-key", str(public))
    assert governed(*arguments, *governed.signed("ada")).code == 0
    again = governed(*arguments, *governed.signed("ada"))
    assert again.code == 2
    assert "known already" in again.err


def test_everybody_is_listed(governed: Command) -> None:
    rows = governed("people", "list", "--json").facts
    assert [row["person"] for row in rows] == ["ada", "sam", "rita", "dora", "olga"]
    assert "rita" in governed("people", "list").out


def test_roles_are_granted_and_withdrawn_and_keys_revoked(governed: Command) -> None:
    signed = governed.signed("ada")
    assert governed("people", "grant", "olga", "--role", "auditor", *signed).code == 0
    shown = governed("people", "show", "olga", "--json").facts
    assert shown["roles"] == ["operator", "auditor"]
    withdrawn = governed(
        "people", "withdraw", "olga", "--role", "operator", "--reason", "moved", *signed, "--json"
    )
    assert withdrawn.facts["roles"] == ["auditor"]
    revoked = governed("people", "revoke-key", "olga", "--reason", "lost", *signed, "--json")
    assert revoked.facts["key"] == "revoked"


def test_who_is_no_administrator_is_refused_with_exit_code_3(governed: Command) -> None:
    done = governed("people", "grant", "sam", "--role", "administrator", *governed.signed("sam"))
    assert done.code == 3
    assert "it takes the role administrator" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("people", "show", "nobody"),
        ("people", "grant", "sam", "--role", "king", "--as", "ada"),
        ("people", "grant", "sam", "--role", "legal"),
        ("people", "add", "Nina", "--role", "legal", "--as", "ada"),
    ],
)
def test_wrong_use_has_exit_code_2(governed: Command, arguments: tuple[str, ...]) -> None:
    assert governed(*arguments).code == 2


def test_an_edited_policy_is_shown_and_adopted(governed: Command, workspace: Workspace) -> None:
    file = workspace.root / "governed.toml"
    file.write_text(file.read_text().replace("required = 2", "required = 3"))
    assert governed("policy", "show", "--json").facts["in_force"] is False
    assert governed("policy", "adopt", *governed.signed("sam")).code == 3
    assert governed("policy", "adopt", *governed.signed("ada")).code == 0
    assert governed("policy", "show", "--json").facts["in_force"] is True
    assert "domain-expert" in governed("policy", "show").out
