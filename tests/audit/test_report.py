"""What a verification says of what it falls over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governed_kernel.audit.report import Check, told
from governed_kernel.errors import UsageError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UsageError("it has no name", why="'..' is none"), "it has no name: '..' is none"),
        (PermissionError(13, "Permission denied", "x/y"), "x/y: Permission denied"),
        (KeyError("digest"), "KeyError: 'digest'"),
    ],
)
def test_what_raises_is_one_broken_line_after_what_was_found(error: Exception, said: str) -> None:
    def checks() -> Iterator[Check]:
        yield Check("run", "a", "ok")
        raise error

    assert [*told("run", "a", checks())] == [
        Check("run", "a", "ok"),
        Check("run", "a", "broken", said),
    ]
