"""What a session has learned of a table with columns that no model may learn."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from governed_kernel.governance.register import Register
from governed_kernel.release.learned import Learned, forbidden
from tests.governance.records import register
from tests.kernel.running import RunningKernel, home_of, make_workspace

__all__ = ["learned", "people"]


def people() -> str:
    """A table of which ``patient_id`` and ``name`` must not be learned."""
    chance = random.Random(3)
    lines = ["patient_id,name,age,weight,glucose,city,outcome"]
    lines += [
        f"P{n:04d},{chance.choice(('Ann', 'Bo', 'Cid'))} {n},{chance.randint(20, 80)},"
        f"{chance.randint(50, 110)},{chance.randint(70, 200)},{chance.choice(('Bonn', 'Kiel'))},"
        f"{n % 2}"
        for n in range(40)
    ]
    return "\n".join(lines) + "\n"


@contextmanager
def learned(
    folder: Path, files: Mapping[str, str], cells: Iterable[str]
) -> Iterator[tuple[RunningKernel, Callable[[], list[Learned]]]]:
    """A kernel that has run `cells` beside ``people.csv``; and what is found when it has ended."""
    with pytest.MonkeyPatch.context() as patch:
        workspace = make_workspace(folder / "workspace")
        patch.setenv("GOVERNED_HOME", str(home_of(workspace)))
        path = workspace.root / "people.csv"
        path.write_text(people())
        register(workspace, path, "people", person="ada", never_learn=("patient_id", "name"))
        for name, text in files.items():
            (workspace.root / name).write_text(text)
        kernel = RunningKernel(workspace)

        def found() -> list[Learned]:
            kernel.close()
            session = kernel.journal.name.partition(".")[0]
            return forbidden(workspace, Register.read(workspace), session)

        try:
            for code in cells:
                done = kernel.run(code)
                assert done.status == "ok", done.error
            yield kernel, found
        finally:
            kernel.close()
