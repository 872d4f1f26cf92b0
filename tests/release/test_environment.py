"""The environment lock: the same for the same environment, and precise about what differs."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import msgspec
import pytest

from governed_kernel.canonical import canonical_json
from governed_kernel.release import environment
from governed_kernel.release.environment import (
    Difference,
    Distribution,
    EnvironmentLock,
    compare,
    digest_of,
    inspect,
)


@pytest.fixture(scope="module")
def here() -> EnvironmentLock:
    return inspect()[0]


def test_the_lock_names_every_distribution_with_version_and_content(here: EnvironmentLock) -> None:
    found = {item.name: item for item in here.distributions}
    assert found["duckdb"].version == "1.5.5"
    assert all(len(item.record) == 64 for item in here.distributions)
    assert len(here.interpreter) == len(here.standard_library) == 64


def test_two_looks_at_one_environment_agree(here: EnvironmentLock) -> None:
    again, altered = inspect()
    assert digest_of(again, altered) == again.digest() == here.digest()
    assert compare(here, again) == []


def test_an_environment_with_an_altered_file_has_another_digest(here: EnvironmentLock) -> None:
    one = Difference("numpy: numpy/core.py", "sha256=a", "sha256=b")
    digests = {digest_of(here, altered) for altered in ([], [one], [one, one])}
    assert len(digests) == 3


def test_a_lock_survives_its_file(here: EnvironmentLock) -> None:
    again = msgspec.json.decode(canonical_json(here), type=EnvironmentLock)
    assert again.digest() == here.digest()


def test_a_standard_library_counts_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "site-packages" / "python" / "lib"
    (library / "site-packages").mkdir(parents=True)
    real = sysconfig.get_path
    monkeypatch.setattr(
        sysconfig, "get_path", lambda name: {"stdlib": library}.get(name, real(name))
    )
    (library / "os.py").write_text("one")
    before = environment._standard_library()
    (library / "site-packages" / "other.py").write_text("no part of it")
    assert environment._standard_library() == before
    (library / "os.py").write_text("two")
    assert environment._standard_library() != before


def test_each_difference_is_named(here: EnvironmentLock) -> None:
    first, second, *rest = here.distributions
    other = msgspec.structs.replace(
        here,
        python="3.99.0",
        distributions=[
            msgspec.structs.replace(first, version="0.0.0"),
            msgspec.structs.replace(second, record="0" * 64),
            *rest,
            Distribution("stowaway", "1", "1" * 64),
        ],
        unowned={"sitecustomize.py": "2" * 64},
    )
    said = {difference.subject: str(difference) for difference in compare(here, other)}
    assert set(said) == {
        "python",
        first.name,
        second.name,
        "stowaway",
        "site-packages/sitecustomize.py",
    }
    assert "0.0.0" in said[first.name]
    assert "with files 0000" in said[second.name]
    assert "not installed" in said["stowaway"]
