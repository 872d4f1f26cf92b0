"""What counts as environment: opened thousands of times, and no data.

A short list, made to be read. Its digest goes into every session's first record, so that an
auditor knows what a session set aside. Data is data wherever it lies: files with the suffixes
in `DATA_SUFFIXES` inside a library's folder are recorded as any other, and so is everything there
but code that no installation brought.
"""

from __future__ import annotations

import glob
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from governed_kernel.canonical import digest_json
from governed_kernel.recorder.installed import Installed
from governed_kernel.recorder.shared_memory import FOLDER
from governed_kernel.workspace import personal_folder

__all__ = [
    "CODE_SUFFIXES",
    "CONNECTIONS",
    "DATA_SUFFIXES",
    "MEMORY_OF_LIBRARIES",
    "PROGRAMS",
    "RULES",
    "SOFTWARE",
    "Environment",
    "Place",
    "Resolved",
    "digest",
    "resolve_places",
    "session_variables",
]


@dataclass(frozen=True)
class Place:
    """One place that is environment.

    Attributes
    ----------
    pattern : str
        A path; ``{…}`` is filled in for the session. What ends in ``/`` is a folder.
    reason : str
        Why nothing that matters to lineage is missed.
    writes : bool
        Whether writing there is environment too. Elsewhere a write is recorded.
    names : tuple of str
        What in the folder is environment, by regular expressions for the path below it; everything
        where there are none. A folder to which notebooks may write has them: else it would be
        where data goes unseen.
    """

    pattern: str
    reason: str
    writes: bool = False
    names: tuple[str, ...] = ()


_PARTS = (
    *("bin", "sbin", "lib", "lib32", "lib64", "libexec", "include", "etc", "ssl"),
    *("targets", "nvvm", "plugins"),
)
_SHARED = (
    *("zoneinfo", "locale", "i18n", "terminfo", "misc", "mime", "ca-certificates"),
    *("fonts", "fontconfig", "X11", "glib-2.0", "icons", "themes", "libdrm", "hwdata"),
    *("glvnd", "vulkan", "drirc.d", "OpenCL", "alsa", "openmpi", "tcltk", "proj", "gdal"),
    *("jupyter", "nodejs", "perl", "perl5", "python3", "gcc", "git-core", "bash-completion"),
)
"""What programs share that is no data; dictionaries, corpora and the like lie beside it."""


def _below(root: str, reason: str) -> tuple[Place, ...]:
    """Where programs and libraries lie below a folder that may hold anything."""
    names = (*_PARTS, *(f"share/{name}" for name in _SHARED))
    return tuple(Place(f"{root}/{name}/", reason) for name in names)


_IPYTHON_KEEPS = (
    r"profile_[^/]+/history\.sqlite(-journal|-wal|-shm)?",
    r"profile_[^/]+/db/rootmodules_cache",
    r"profile_[^/]+/startup/README",
)
_IPYTHON_RUNS = (
    r"profile_[^/]+/[^/]+_config\.(py|json)",
    r"profile_[^/]+/startup/[^/]+\.i?py",
    r"extensions/[^/]+\.py",
)

SOFTWARE: tuple[Place, ...] = (
    Place("{purelib}/", "installed libraries"),
    Place("{platlib}/", "installed libraries"),
    *_below("{prefix}", "the interpreter and its libraries; pinned by the environment's digest"),
    *_below("{base_prefix}", "the interpreter that a virtual environment is made from"),
    Place("{prefix}/pyvenv.cfg", "where a virtual environment has its interpreter"),
    Place("{user_site}/", "libraries installed for the user alone"),
    Place("{package}/", "this product's own code, wherever it is installed"),
    *_below("/usr", "programs and libraries that came with the operating system"),
    *_below("/usr/local", "programs and libraries that somebody has installed by hand"),
    Place("/usr/local/cuda*/", "GPU libraries"),
    Place("/usr/local/nvidia/", "GPU libraries"),
    Place("/bin/", "programs and libraries of the operating system"),
    Place("/sbin/", "programs and libraries of the operating system"),
    Place("/lib/", "programs and libraries of the operating system"),
    Place("/lib32/", "programs and libraries of the operating system"),
    Place("/lib64/", "programs and libraries of the operating system"),
    Place("/opt/nvidia/", "GPU libraries"),
)
"""Programs and libraries: what a release run may read and execute besides its inputs."""

RULES: tuple[Place, ...] = (
    *SOFTWARE,
    Place("/etc/", "settings of the operating system"),
    Place("/proc/", "the state of processes; open descriptors in it are followed", writes=True),
    Place("/sys/", "the state of the machine"),
    Place(
        "/dev/", "devices: what goes through them was read elsewhere; files there are files", True
    ),
    Place("{shared_memory}/", "the release run's own shared memory, gone with it", writes=True),
    *(
        Place(f"/run/{name}/", "the state of one of the operating system's services")
        for name in ("systemd", "resolvconf", "NetworkManager", "nscd", "dbus", "udev", "nvidia")
    ),
    Place("{ipython}/", "IPython's history and what it remembers of modules", True, _IPYTHON_KEEPS),
    Place("{ipython}/", "IPython's settings and what it runs when it starts", False, _IPYTHON_RUNS),
    Place(
        "{jupyter_config}/",
        "settings of Jupyter",
        names=(r"[^/]+_config\.(py|json)", r"[^/]+\.d/[^/]+\.json"),
    ),
    Place(
        "{jupyter_data}/",
        "kernel specifications",
        names=(r"kernels/[^/]+/(kernel\.(json|js|css)|logo-[^/]+\.(png|svg))",),
    ),
    Place(
        "{connection_folder}/",
        "the sockets between this kernel and its client",
        True,
        (r"{connection}(\.json|-ipc-\d+)",),
    ),
    Place(
        "{matplotlib_cache}/",
        "matplotlib's list of fonts",
        True,
        (r"fontlist-v\d+(\.\d+)*\.json(\.matplotlib-lock)?",),
    ),
    Place(
        "{matplotlib_config}/",
        "matplotlib's settings",
        names=("matplotlibrc", r"stylelib/[^/]+\.mplstyle"),
    ),
    Place(
        "{fontconfig}/",
        "the font cache",
        True,
        (
            r"[0-9a-f-]+-[a-z]+\d*\.cache-\d+(\.(NEW|LCK|TMP-\w+))?",
            r"CACHEDIR\.TAG(\.(NEW|LCK|TMP-\w+))?",
        ),
    ),
    Place(
        "{gpu_cache}/",
        "code that the GPU's driver has compiled for this GPU",
        True,
        (r"(ComputeCache/)?(index|[0-9a-f]/[0-9a-f]/[0-9a-f]+)",),
    ),
    Place("/var/cache/fontconfig/", "the system's font cache"),
    Place("{workspace}/governed.toml", "the workspace's settings, bound by the ledger"),
    Place(
        "{workspace}/policies/",
        "the workspace's policies, bound by the ledger",
        names=(r"[^/]+\.(cedar|cedarschema|toml)",),
    ),
    Place("{state}/ledger.jsonl", "the ledger itself; hash-chained"),
    Place("{state}/ledger.together", "how far records that are added together have come"),
    Place("{state}/derived.jsonl", "what sessions made from classified data, for decisions"),
    Place("{personal}/known_workspaces.json", "the person's own record of known workspaces"),
    Place("{personal}/known_workspaces.lock", "the lock of that record", writes=True),
    Place("{personal}/verified-envelopes", "signatures that this person's programs have verified"),
    Place("{personal}/verified/", "indexes of what was live when, by workspace"),
    Place("{ticket}", "what a release run may do, bound by the run"),
)

DATA_SUFFIXES: tuple[str, ...] = (
    *(".csv", ".tsv", ".parquet", ".feather", ".arrow", ".orc", ".avro", ".jsonl", ".ndjson"),
    *(".npy", ".npz", ".pkl", ".pickle", ".joblib", ".h5", ".hdf5", ".mat", ".rds", ".sav"),
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".gguf", ".model"),
    *(".sqlite", ".sqlite3", ".db", ".duckdb", ".xls", ".xlsx", ".dcm", ".nii"),
    *(".jpg", ".jpeg", ".tif", ".tiff", ".wav", ".flac", ".mp3", ".mp4"),
    *(".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".7z"),
)
"""What is data even inside a library's folder: packages carry data sets and weights."""

CODE_SUFFIXES: tuple[str, ...] = (".py", ".pyc", ".pth", ".so")
"""What is code among libraries, whoever put it there; other files must have been installed."""

PROGRAMS: dict[str, str] = {
    "uname": "names the machine's processor; `platform` runs it, and so every debugger's start",
    "ldconfig": "lists shared libraries; `ctypes.util.find_library` runs it",
    "nvidia-modprobe": "makes the GPU's device files; CUDA runs it when it starts",
}
"""Programs of the operating system that read no data; other programs are recorded."""

MEMORY_OF_LIBRARIES: dict[str, str] = {
    "sem.": "semaphores; they hold a number",
    "psm_": "Python's `multiprocessing.shared_memory`; what is in it was read elsewhere",
    "pym-": "Python's `multiprocessing.Array` and `Value`; what is in them was read elsewhere",
    "torch_": "torch's tensors on their way between processes; they were read elsewhere",
    "joblib_memmapping_folder_": "joblib's arrays on their way to its workers, read elsewhere",
    "__KMP_REGISTERED_LIB_": "OpenMP notes that it is loaded",
    "nccl-": "NCCL's buffers between GPUs: what is in them was read elsewhere",
    "cuda.shm.": "CUDA's bookkeeping between processes",
}
"""Names in ``/dev/shm`` that are environment also where everybody shares it; others are files."""

CONNECTIONS: dict[str, str] = {
    "unix:///run/nscd/socket": "glibc asks whether a cache of users and hosts runs, before it "
    "reads `/etc/passwd` or asks the network; what is then connected to is recorded",
}
"""Addresses that a connection to is environment, exactly as they stand here."""

_DEVICES = "/dev/"
_MEMORY = f"{FOLDER}/"
_PROGRAM_FOLDERS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/")
_LIBRARIES = ("/site-packages/", "/dist-packages/")
_ABOUT = frozenset(
    (
        *("METADATA", "PKG-INFO", "RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json"),
        *("entry_points.txt", "top_level.txt", "namespace_packages.txt", "SOURCES.txt"),
    )
)
"""Files in which an installed library says what it is, in a folder of its own."""


def digest() -> str:
    """SHA-256 of the list, as it goes into `SessionStarted.environment_rules`."""
    places = [[place.pattern, place.reason, place.writes, list(place.names)] for place in RULES]
    suffixes = list(DATA_SUFFIXES)
    return digest_json(
        {
            "places": places,
            "data_suffixes": suffixes,
            "code_suffixes": list(CODE_SUFFIXES),
            "programs": PROGRAMS,
            "memory_of_libraries": MEMORY_OF_LIBRARIES,
            "connections": CONNECTIONS,
        }
    )


class Resolved(NamedTuple):
    """A `Place` in one session, by its canonical path."""

    path: str
    writes: bool
    names: re.Pattern[str] | None = None

    def names_it(self, path: str) -> bool:
        """Whether a path below this place has one of its names."""
        return self.names is not None and bool(self.names.fullmatch(path[len(self.path) :]))


def resolve_places(variables: Mapping[str, str], rules: Iterable[Place] = RULES) -> list[Resolved]:
    """The rules as they are in one session."""
    places = []
    for place in rules:
        try:
            path = place.pattern.format_map(variables)
        except KeyError:
            continue  # this session has no such place
        folder = path.endswith("/")
        connection = re.escape(variables.get("connection", ""))
        names = "|".join(place.names).replace("{connection}", connection)
        found = re.compile(names) if names else None
        for each in glob.glob(path) if "*" in place.pattern else [path]:
            real = os.path.realpath(each)
            if real != "/":
                places.append(Resolved(real + "/" if folder else real, place.writes, found))
    return list(dict.fromkeys(places))


def session_variables(
    workspace: Path, *, connection_file: str = "", ticket: str = ""
) -> dict[str, str]:
    """What the ``{…}`` in the rules stand for in one session."""
    home = os.path.expanduser("~")
    cache = os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache"
    config = os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    found = {
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "purelib": sysconfig.get_path("purelib"),
        "platlib": sysconfig.get_path("platlib"),
        "package": str(Path(__file__).resolve().parents[1]),
        "ipython": os.environ.get("IPYTHONDIR") or f"{home}/.ipython",
        "jupyter_config": os.environ.get("JUPYTER_CONFIG_DIR") or f"{home}/.jupyter",
        "jupyter_data": os.environ.get("JUPYTER_DATA_DIR") or f"{home}/.local/share/jupyter",
        "matplotlib_cache": os.environ.get("MPLCONFIGDIR") or f"{cache}/matplotlib",
        "matplotlib_config": f"{config}/matplotlib",
        "fontconfig": f"{cache}/fontconfig",
        "personal": str(personal_folder()),
        "workspace": str(workspace),
        "state": str(workspace / ".governed"),
    }
    if os.path.exists("/dev/nvidiactl"):
        found["gpu_cache"] = os.environ.get("CUDA_CACHE_PATH") or f"{home}/.nv"
    if site.ENABLE_USER_SITE:
        found["user_site"] = site.getusersitepackages()
    if connection_file:
        folder, name = os.path.split(os.path.realpath(connection_file))
        found["connection_folder"] = folder
        found["connection"] = name.removesuffix(".json")
    if ticket:
        found["ticket"] = ticket
        found["shared_memory"] = FOLDER  # the run's own, or out of its reach
    return found


def _is_path_configuration(path: str) -> bool:
    """Whether a ``.pth`` file is Python's, which names folders, and not torch's."""
    folder, name = os.path.split(path)
    return name.endswith(".pth") and os.path.basename(folder) in ("site-packages", "dist-packages")


def _is_byte_code(path: str) -> bool:
    """Whether Python writes this file when it compiles a source that is there."""
    folder, name = os.path.split(path)
    above, cache = os.path.split(folder)
    source = os.path.join(above, name.partition(".")[0] + ".py")
    return cache == "__pycache__" and ".pyc" in name and os.path.lexists(source)


class Environment:
    """Decides, for one session, whether a canonical path is environment.

    Parameters
    ----------
    places : list of Resolved
        From `resolve_places`.
    files : tuple of str
        Single files that are environment in this session, such as the connection file.
    """

    def __init__(self, places: list[Resolved], files: tuple[str, ...] = ()) -> None:
        whole = [place for place in places if place.path.endswith("/") and not place.names]
        self.readable = tuple(place.path for place in whole)
        self.writable = tuple(place.path for place in whole if place.writes)
        self._named = [place for place in places if place.names]
        self._with_names = tuple(place.path for place in self._named)
        self._files = {each.path: each.writes for each in places if not each.path.endswith("/")}
        self._files.update(dict.fromkeys(map(os.path.realpath, files), True))
        self._shared = _MEMORY not in self.writable
        self._memory = tuple(_MEMORY + name for name in MEMORY_OF_LIBRARIES)
        # the same as bytes, for the paths that system calls carry
        self.prefixes = tuple(os.fsencode(path) for path in self.readable)
        self.data_suffixes = tuple(os.fsencode(suffix) for suffix in DATA_SUFFIXES)
        self.code_suffixes = tuple(os.fsencode(suffix) for suffix in CODE_SUFFIXES)
        # The system's packages keep no such lists; they are the system's.
        self._installed = {
            path: Installed(path)
            for path in self.readable
            if path.endswith(_LIBRARIES) and not path.startswith("/usr/")
        }
        self.libraries = tuple(os.fsencode(path) for path in self._installed)

    @staticmethod
    def runs(path: str) -> bool:
        """Whether executing the canonical `path` is environment."""
        return path.startswith(_PROGRAM_FOLDERS) and os.path.basename(path) in PROGRAMS

    @staticmethod
    def connects(address: str) -> bool:
        """Whether connecting to `address` is environment."""
        return address in CONNECTIONS

    @staticmethod
    def is_among_devices(path: str) -> bool:
        """Whether only a device is environment at the canonical `path`, and a file is not."""
        return path.startswith(_DEVICES) and not path.startswith(_MEMORY)

    def covers(self, path: str, *, write: bool) -> bool:
        """Whether an open of the canonical `path` is environment."""
        if path in self._files:
            return self._files[path] or not write
        if self._shared and path.startswith(_MEMORY):
            return path.startswith(self._memory)
        folder = path + "/"  # it may be one of the folders itself
        if folder.startswith(self._with_names) and self._is_named(path, write=write):
            return True
        if folder.startswith(self.writable):
            return True
        if not folder.startswith(self.readable):
            return False
        if write:
            return _is_byte_code(path)
        if path.endswith(DATA_SUFFIXES):
            return _is_path_configuration(path)
        return path.endswith(CODE_SUFFIXES) or self._is_installed(path)

    def holds(self, folder: str) -> bool:
        """Whether a canonical folder, ending in ``/``, is environment with all that is in it."""
        return folder.startswith(self.readable)

    def _is_named(self, path: str, *, write: bool) -> bool:
        """Whether `path` is one of those that a place with names counts, or is listed as a folder.

        Listing a folder reads nothing of what lies in it.
        """
        below = [place for place in self._named if path.startswith(place.path)]
        if any(place.names_it(path) for place in below if place.writes or not write):
            return True
        return not write and os.path.isdir(path)

    def _is_installed(self, path: str) -> bool:
        """Whether a file that is no code came with a library, where it lies among libraries."""
        for folder, installed in self._installed.items():
            if path.startswith(folder):
                package, _, inside = path[len(folder) :].partition("/")
                about = package.endswith((".dist-info", ".egg-info")) and inside in _ABOUT
                return about or ".so." in os.path.basename(path) or installed.names(path)
        return True
