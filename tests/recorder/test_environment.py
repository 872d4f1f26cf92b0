from __future__ import annotations

import secrets
import sys
import sysconfig
from pathlib import Path

import pytest

from governed_kernel.recorder import environment
from governed_kernel.recorder.environment import RULES, Environment


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    workspace = tmp_path_factory.mktemp("workspace")
    variables = environment.session_variables(workspace)
    return Environment(environment.resolve_places(variables), (str(workspace / "kernel.json"),))


def test_every_place_says_why() -> None:
    assert all(place.reason for place in RULES)
    assert all(environment.PROGRAMS.values())
    assert len({place.pattern for place in RULES}) == len(RULES)


def test_the_list_has_a_digest() -> None:
    assert len(environment.digest()) == 64


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/os-release",
        "/usr",
        "/etc/hosts",
        "/proc/1/stat",
        f"{sys.base_prefix}/lib/python3/os.py",
        f"{sysconfig.get_path('purelib')}/package/module.py",
        f"{sysconfig.get_path('purelib')}/editable.pth",
    ],
)
def test_libraries_and_the_system_are_environment(rules: Environment, path: str) -> None:
    assert rules.covers(path, write=False)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".safetensors", ".npz", ".pkl", ".gz"])
def test_data_beside_libraries_is_data(rules: Environment, suffix: str) -> None:
    assert not rules.covers(f"{sysconfig.get_path('purelib')}/package/data{suffix}", write=False)


def test_what_was_installed_beside_code_is_environment(rules: Environment) -> None:
    folder = Path(sysconfig.get_path("purelib"))
    for name in ("click-*.dist-info/METADATA", "jsonschema_specifications/schemas/**/core"):
        (path,) = list(folder.glob(name))[:1]
        assert rules.covers(str(path), write=False)
    assert rules.covers(str(folder / "click"), write=False)
    assert rules.covers(str(folder), write=False)


def test_what_somebody_laid_beside_libraries_is_data_whatever_its_name(
    rules: Environment,
) -> None:
    folder = Path(sysconfig.get_path("purelib"))
    laid = [folder / "click" / f"{secrets.token_hex(4)}{end}" for end in ("", ".txt", ".json")]
    laid.append(folder / f"{secrets.token_hex(4)}.txt")
    try:
        for path in laid:
            path.write_text("x")
        assert not [path for path in laid if rules.covers(str(path), write=False)]
    finally:
        for path in laid:
            path.unlink()


def test_pictures_among_libraries_are_data(rules: Environment) -> None:
    folder = sysconfig.get_path("purelib")
    assert not rules.covers(f"{folder}/sklearn/datasets/images/flower.jpg", write=False)


def test_weights_of_torch_are_data_and_path_files_are_not(rules: Environment) -> None:
    folder = sysconfig.get_path("purelib")
    assert not rules.covers(f"{folder}/package/weights.pth", write=False)
    assert rules.covers(f"{folder}/distutils-precedence.pth", write=False)


def test_a_write_into_a_library_is_recorded(rules: Environment) -> None:
    folder = sysconfig.get_path("purelib")
    assert not rules.covers(f"{folder}/package/module.py", write=True)
    assert rules.covers(f"{folder}/package/__pycache__/module.cpython-311.pyc", write=True)


def test_a_folder_whose_name_begins_alike_is_not_environment(rules: Environment) -> None:
    assert not rules.covers("/usr-data/table.txt", write=False)


def test_files_of_the_user_are_not_environment(rules: Environment, tmp_path: Path) -> None:
    assert not rules.covers(str(tmp_path / "table.txt"), write=False)
    assert not rules.covers(str(Path.home() / "table.txt"), write=False)


def test_devices_are_environment_and_files_among_them_are_looked_at(rules: Environment) -> None:
    assert rules.covers("/dev/null", write=True)
    assert rules.is_among_devices("/dev/null")
    assert not rules.is_among_devices("/dev/shm/rows.csv")


@pytest.mark.parametrize("write", [True, False])
def test_shared_memory_is_environment_by_its_maker_alone(rules: Environment, write: bool) -> None:
    for name in ("sem.mp-x", "psm_1", "torch_1_2_3", "joblib_memmapping_folder_1/a.pkl"):
        assert rules.covers(f"/dev/shm/{name}", write=write)
    assert not rules.covers("/dev/shm/rows.csv", write=write)


def test_a_release_runs_own_shared_memory_is_environment(tmp_path: Path) -> None:
    variables = environment.session_variables(tmp_path, ticket=str(tmp_path / "ticket.json"))
    own = Environment(environment.resolve_places(variables))
    assert own.covers("/dev/shm/rows.csv", write=True)


def test_the_name_services_cache_is_environment_at_its_own_address_alone(
    rules: Environment,
) -> None:
    assert rules.connects("unix:///run/nscd/socket")
    for address in ("unix:///run/nscd/socket2", "unix:///tmp/run/nscd/socket", "tcp://1.2.3.4:5"):
        assert not rules.connects(address)
