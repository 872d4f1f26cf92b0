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
    assert len({(place.pattern, place.writes) for place in RULES}) == len(RULES)


def test_a_place_that_notebooks_may_write_to_says_which_names() -> None:
    """Else it would be where data goes unseen."""
    folders = [place for place in RULES if place.writes and place.pattern.endswith("/")]
    whole = {place.pattern for place in folders if not place.names}
    assert whole == {"/proc/", "/dev/", "{shared_memory}/"}


def test_the_list_has_a_digest() -> None:
    assert len(environment.digest()) == 64


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/os-release",
        "/usr/share/zoneinfo/Europe/Berlin",
        f"{sys.prefix}/share/jupyter/kernels/python3/kernel.json",
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
    ends = ("", ".txt", ".json", ".typed", ".pyi")
    laid = [folder / "click" / f"{secrets.token_hex(4)}{end}" for end in ends]
    (about,) = folder.glob("click-*.dist-info")
    laid.append(about / f"{secrets.token_hex(4)}.txt")
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
    assert not rules.covers(f"{folder}/click/core.py", write=True)
    assert rules.covers(f"{folder}/click/__pycache__/core.cpython-311.pyc", write=True)
    assert rules.covers(f"{folder}/click/__pycache__/core.cpython-311.pyc.140", write=True)
    assert not rules.covers(f"{folder}/click/__pycache__/rows.cpython-311.pyc", write=True)
    assert not rules.covers(f"{folder}/click/__pycache__/core.csv", write=True)


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Environment]:
    """A person's own folders, as IPython, matplotlib and a kernel's client fill them."""
    home = tmp_path_factory.mktemp("home")
    names = ("ipython", "jupyter_config", "jupyter_data", "matplotlib_cache", "gpu_cache")
    variables = {name: str(home / name) for name in names}
    variables |= {"connection_folder": str(home / "runtime"), "connection": "kernel-[1]"}
    (home / "ipython/profile_default").mkdir(parents=True)
    return home, Environment(environment.resolve_places(variables))


@pytest.mark.parametrize(
    "name",
    [
        *("ipython/profile_default/history.sqlite", "ipython/profile_default/history.sqlite-wal"),
        *("ipython/profile_default/db/rootmodules_cache", "runtime/kernel-[1].json"),
        *("runtime/kernel-[1]-ipc-2", "matplotlib_cache/fontlist-v390.json"),
        "matplotlib_cache/fontlist-v3.11.0.json.matplotlib-lock",
        *("gpu_cache/ComputeCache/index", "gpu_cache/ComputeCache/0/a/09af"),
    ],
)
def test_what_ipython_and_the_like_keep_for_themselves_is_environment(
    at_home: tuple[Path, Environment], name: str
) -> None:
    home, rules = at_home
    assert rules.covers(str(home / name), write=True)
    assert rules.covers(str(home / name), write=False)


@pytest.mark.parametrize(
    "name",
    [
        *("ipython/rows.csv", "ipython/rows", "ipython/profile_default/db/autorestore/frame"),
        *("ipython/profile_rows", "jupyter_data/rows.csv", "jupyter_data/runtime/rows.json"),
        *("ipython/profile_default/startup/rows.csv", "ipython/profile_default/rows.json"),
        *("ipython/profile_default/pid/1.pid", "jupyter_data/kernels/x/rows.parquet"),
        *("runtime/kernel-1.json", "runtime/kernel-[1]-ipc-rows", "matplotlib_cache/rows.json"),
        *("matplotlib_cache/fontlist-vrows.json", "gpu_cache/0/a/a_rows.csv", "gpu_cache/rows"),
        *("gpu_cache/ComputeCache/0/rows", "jupyter_config/custom/rows.txt"),
    ],
)
def test_what_is_laid_beside_it_is_data(at_home: tuple[Path, Environment], name: str) -> None:
    home, rules = at_home
    assert not rules.covers(str(home / name), write=True)
    assert not rules.covers(str(home / name), write=False)


def test_what_ipython_runs_when_it_starts_is_read_unseen_and_written_on_record(
    at_home: tuple[Path, Environment],
) -> None:
    home, rules = at_home
    for name in ("ipython/profile_default/startup/10.py", "jupyter_config/jupyter_config.json"):
        assert rules.covers(str(home / name), write=False)
        assert not rules.covers(str(home / name), write=True)


def test_a_folder_that_is_named_in_part_holds_no_environment(
    at_home: tuple[Path, Environment],
) -> None:
    """A link to it leads out of the environment, however the file behind is called."""
    home, rules = at_home
    assert not rules.holds(f"{home}/ipython/profile_default/")
    assert not rules.covers(str(home / "ipython/profile_default"), write=True)


def test_only_policies_are_environment_in_their_folder(tmp_path: Path) -> None:
    rules = Environment(environment.resolve_places(environment.session_variables(tmp_path)))
    assert rules.covers(str(tmp_path / "policies/reading.cedar"), write=False)
    assert not rules.covers(str(tmp_path / "policies/rows.txt"), write=False)


def test_a_folder_on_the_way_is_environment(at_home: tuple[Path, Environment]) -> None:
    home, rules = at_home
    assert rules.covers(str(home / "ipython"), write=False)
    assert rules.covers(str(home / "ipython/profile_default"), write=False)


@pytest.mark.parametrize(
    "path",
    [
        *("/usr/share/dict/words", "/usr/local/share/nltk_data/corpora/words", "/usr/rows.txt"),
        *(f"{sys.prefix}/rows.txt", f"{sys.base_prefix}/share/rows.txt"),
        *("/run/user/1000/rows", "/run/secrets/rows", "/run/rows"),
    ],
)
def test_what_lies_beside_programs_is_data(rules: Environment, path: str) -> None:
    assert not rules.covers(path, write=False)


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
