"""Texts beside a journal: each can be erased, none changed, lost, doubled or moved unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.journal import payload_of, read_payloads
from governed_kernel.lineage.texts import TextsDigest, erase, erased_line, lines_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "s1.payloads.jsonl"
    path.write_bytes(b"".join(payload_of(text)[1] for text in ("a", "naïve", 'say "b"\n')))
    return path


def test_every_line_says_which_text_it_holds(file: Path) -> None:
    lines = list(lines_of(file))
    assert [line.number for line in lines] == [0, 1, 2]
    assert {line.digest for line in lines} == set(read_payloads(file))
    assert not any(line.wrong or line.erased or line.torn for line in lines)


def test_what_no_recorder_writes_is_named_with_its_byte(file: Path) -> None:
    whole = file.read_bytes()
    first, second, third = whole.splitlines(keepends=True)
    for wrong in (
        second.replace(b"na", b"Na"),
        second.replace(b'"salt":', b'"salt" :'),
        second.replace(b'{"digest"', b'{"more":1,"digest"'),
        second[:-1] + b" \n",
        b"{}\n",
        b"\n",
    ):
        file.write_bytes(first + wrong + third)
        found = list(lines_of(file))
        assert [bool(line.wrong) for line in found] == [False, True, False]
        assert found[1].offset == len(first)


def test_a_torn_last_line_is_told_from_a_wrong_one(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])
    *_, last = lines_of(file)
    assert last.wrong
    assert last.torn


def test_an_erased_text_leaves_its_digest_in_its_place(file: Path) -> None:
    before = list(lines_of(file))
    file.chmod(0o640)
    assert erase(file, [before[1].digest, "0" * 64]) == 1
    after = list(lines_of(file))
    assert [line.digest for line in after] == [line.digest for line in before]
    assert [line.erased for line in after] == [False, True, False]
    assert list(read_payloads(file).values()) == ["a", 'say "b"\n']
    assert file.stat().st_mode & 0o777 == 0o640
    assert erase(file, [before[1].digest]) == 0
    assert erased_line(before[1].digest) in file.read_bytes()


def test_the_digest_over_texts_knows_their_order_and_survives_an_erasure(file: Path) -> None:
    def over() -> str:
        digest = TextsDigest()
        for line in lines_of(file):
            digest.add(line.digest)
        return digest.hexdigest()

    before = over()
    erase(file, [next(lines_of(file)).digest])
    assert over() == before
    file.write_bytes(b"".join(reversed(file.read_bytes().splitlines(keepends=True))))
    assert over() != before


def test_no_file_has_no_lines(tmp_path: Path) -> None:
    assert list(lines_of(tmp_path / "none.payloads.jsonl")) == []
