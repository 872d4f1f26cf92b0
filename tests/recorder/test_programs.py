"""Which programs the system runs when a process executes a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from governed_kernel.recorder.programs import run_by

HERE = os.getpid()


def _script(path: Path, first: bytes) -> Path:
    path.write_bytes(first + b"\nrest\n")
    path.chmod(0o755)
    return path


def test_a_program_is_run_by_itself(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(Path("/usr/bin/env").read_bytes())
    program.chmod(0o755)
    (tmp_path / "link").symlink_to("program")
    found = list(run_by(HERE, os.fsencode(tmp_path / "link")))
    assert found == [(str(program), "")]


@pytest.mark.parametrize("line", ["#!{}", "#! {}", "#!\t{} -x y", "#!{}\0more", "#!  {}  "])
def test_a_script_is_run_by_what_its_first_line_names(tmp_path: Path, line: str) -> None:
    program = _script(tmp_path / "program", b"x")
    script = _script(tmp_path / "script", line.format(program).encode())
    outer = _script(tmp_path / "outer", f"#!{script}".encode())
    assert [path for path, _ in run_by(HERE, os.fsencode(outer))] == [
        str(outer),
        str(script),
        str(program),
    ]


def test_scripts_that_name_one_another_are_followed_as_far_as_the_system_goes(
    tmp_path: Path,
) -> None:
    script = _script(tmp_path / "script", f"#!{tmp_path / 'script'}".encode())
    assert len(list(run_by(HERE, os.fsencode(script)))) == 6


@pytest.mark.parametrize("first", [b"#!", b"#!   ", b"# !/bin/sh", b"", b"#!/nowhere/at/all"])
def test_a_first_line_that_names_nothing_adds_nothing(tmp_path: Path, first: bytes) -> None:
    script = _script(tmp_path / "script", first)
    assert list(run_by(HERE, os.fsencode(script))) == [(str(script), "")]


def test_what_cannot_be_executed_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("#!/bin/sh")
    for name in ("folder", "text", "missing"):
        assert list(run_by(HERE, os.fsencode(tmp_path / name))) == []


def test_what_is_open_is_run_whatever_bears_its_name_by_now(tmp_path: Path) -> None:
    program = _script(tmp_path / "program", b"x")
    innocent = _script(tmp_path / "innocent", b"y")
    descriptor = os.open(program, os.O_PATH)
    try:
        assert list(run_by(HERE, b"", descriptor)) == [(str(program), "")]
        program.unlink()
        gone = tmp_path / "program (deleted)"
        gone.symlink_to(innocent)
        ((path, way),) = run_by(HERE, b"", descriptor)
        assert (path, way) == (str(gone), f"/proc/{HERE}/fd/{descriptor}")
        assert Path(way).read_bytes() == b"x\nrest\n"
    finally:
        os.close(descriptor)
