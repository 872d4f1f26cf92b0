"""What is new in a ledger: each thing once, until somebody has taken it."""

from __future__ import annotations

from pathlib import Path

from governed_kernel.lineage.news import LedgerNews
from governed_kernel.workspace import Workspace


def ledger_of(folder: Path) -> Path:
    (folder / "governed.toml").write_text("")
    ledger = Workspace(folder).ledger
    ledger.parent.mkdir()
    return ledger


def test_a_workspace_without_a_ledger_has_no_news(tmp_path: Path) -> None:
    ledger_of(tmp_path)
    assert LedgerNews(Workspace(tmp_path)).look() is None


def test_what_was_taken_is_no_news_and_what_was_only_looked_at_is(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path)
    ledger.write_bytes(b"first\n")
    news = LedgerNews(Workspace(tmp_path))
    assert [news.look(), news.look()] == [b"first\n", b"first\n"]
    news.take()
    assert news.look() is None
    with ledger.open("ab") as file:
        file.write(b"second\n")
    assert news.look() == b"second\n"


def test_a_record_that_is_being_written_is_news_when_it_is_whole(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path)
    ledger.write_bytes(b'first\n"dataset-reg')
    news = LedgerNews(Workspace(tmp_path))
    assert news.look() == b"first\n"
    news.take()
    assert news.look() is None
    with ledger.open("ab") as file:
        file.write(b'istered"\n')
    assert news.look() == b'"dataset-registered"\n'


def test_a_ledger_in_the_place_of_another_is_news_from_its_beginning(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path)
    ledger.write_bytes(b"first\nsecond\n")
    news = LedgerNews(Workspace(tmp_path))
    news.look()
    news.take()
    other = ledger.with_name("other")
    other.write_bytes(b"another\nledger\nthat is longer\n")
    other.replace(ledger)
    assert news.look() == b"another\nledger\nthat is longer\n"
    news.take()
    ledger.write_bytes(b"shorter\n")
    assert news.look() == b"shorter\n"
