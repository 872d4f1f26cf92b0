"""What is hashed, and how."""

from __future__ import annotations

import hashlib
from pathlib import Path

from governed_kernel.canonical import canonical_json, digest_bytes, digest_file, digest_json
from governed_kernel.lineage.events import FileDigest


def test_the_same_value_has_one_form() -> None:
    assert canonical_json({"b": 1, "a": [1.0, 1e21, "é"]}) == '{"a":[1,1e+21,"é"],"b":1}'.encode()
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})


def test_structs_are_hashed_as_objects() -> None:
    assert canonical_json(FileDigest("a", "b", 3)) == b'{"bytes":3,"path":"a","sha256":"b"}'


def test_a_file_is_hashed_like_its_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "f").write_bytes(data)
    (tmp_path / "empty").touch()
    assert digest_file(tmp_path / "f") == digest_bytes(data) == hashlib.sha256(data).hexdigest()
    assert digest_file(tmp_path / "empty") == hashlib.sha256().hexdigest()
