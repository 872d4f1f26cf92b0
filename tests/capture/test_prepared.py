"""What was rewritten once need not be rewritten in the next session."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.capture import rewriting
from governed_kernel.capture.prepared import Prepared
from governed_kernel.capture.rewriting import Hooks, rewrite

from .recording import record


def _double(value: int) -> int:
    return value * 2


def _triple(value: int) -> int:
    return value * 3


def copy(function: Any) -> types.FunctionType:
    return types.FunctionType(function.__code__, globals(), function.__name__)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "__pycache__" / "kept.pyc"


def test_what_one_process_rewrote_another_one_finds(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    first = Prepared(file)
    key = first.key(_double.__code__, False)
    assert first.get(key) is None
    first.put(key, _triple.__code__)
    first.save()
    assert Prepared(file).key(_double.__code__, False) == key
    second = Prepared(file)
    found = second.get(key)
    assert found == _triple.__code__
    assert second.get(second.key(_triple.__code__, False)) is None
    assert second.get(second.key(_double.__code__, True)) is None
    assert [path.name for path in file.parent.iterdir()] == ["kept.pyc"]


def test_kept_code_is_observed_as_rewritten_code_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    seen: list[object] = []

    def leave(_: object, value: object) -> object:
        seen.append(value)
        return value

    hooks = Hooks(lambda values: values, leave, lambda _: None)
    results = []
    for _ in range(2):
        rewriting._prepared.cache_clear()
        kept = Prepared(file)
        monkeypatch.setattr(rewriting, "kept", kept)
        function = copy(_double)
        rewrite(function, hooks)
        results.append((function(21), function.__code__.co_firstlineno, kept._new))
        kept.save()
    line = _double.__code__.co_firstlineno
    assert results == [(42, line, True), (42, line, False)]
    assert seen == [42, 42]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"N", b"\xff" * 100])
def test_a_damaged_file_is_as_none(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    kept = Prepared(file)
    assert kept.get(kept.key(_double.__code__, False)) is None


def test_where_no_byte_code_is_to_be_written_none_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    kept = Prepared(file)
    kept.put(kept.key(_double.__code__, False), _triple.__code__)
    kept.save()
    assert not file.exists()


def test_a_release_reads_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNED_MODE", "release")
    assert Prepared().path is None


def test_a_session_finds_what_the_session_before_it_kept(tmp_path: Path) -> None:
    prefix = {"PYTHONPYCACHEPREFIX": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": ""}
    cell = "import pandas as pd\nprint(pd.DataFrame({'a': [1]}).assign(b=2)['b'].tolist())"
    recordings = [record(tmp_path, [cell], environment=prefix) for _ in range(2)]
    assert [recording.output for recording in recordings] == [["[2]\n"], ["[2]\n"]]
    assert recordings[0].operations() == recordings[1].operations() != []
    assert len(list((tmp_path / "cache").rglob("prepared*observed*"))) == 1
