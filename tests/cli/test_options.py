"""Facts as people read them, a few or thousands, and passphrases from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.cli.options import passphrase_source, print_facts
from governed_kernel.errors import UsageError


def test_thousands_of_rows_are_plain_columns_with_nothing_acted_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        {"name": f"n{number}", "said": "\x1b[2J[bold]a\nb", "many": ["x", "y"]}
        for number in range(300)
    ]
    print_facts(rows, False, "Names")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.split() == ["name", "said", "many"]
    assert len(lines) == 300
    assert lines[7] == "n7    \\x1b[2J[bold]a b  x, y"


@pytest.mark.parametrize(
    ("written", "read"), [(b"a pass\nmore", b"a pass"), (b"a pass\r\n", b"a pass"), (b"", b"")]
)
def test_a_passphrase_is_the_first_line_of_a_file(
    tmp_path: Path, written: bytes, read: bytes
) -> None:
    (tmp_path / "secret").write_bytes(written)
    assert passphrase_source(tmp_path / "secret")("Passphrase") == read


def test_no_passphrase_is_read_for_ever() -> None:
    with pytest.raises(UsageError, match="/dev/zero holds no passphrase"):
        passphrase_source(Path("/dev/zero"))("Passphrase")
