"""Facts as people read them, a few or thousands."""

from __future__ import annotations

import pytest

from governed_kernel.cli.options import print_facts


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
