"""What all observers of one process share: the emitter, the registry, each thread's state.

An observer never raises into user code: what goes wrong in it becomes an `ObserverLost`. Two
errors do pass, because they are meant for the user: `PolicyDenied`, and `RecorderLost`, without
which a session would run on unrecorded.
"""

from __future__ import annotations

import itertools
import linecache
import os
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from governed_kernel.capture.emitter import Cell, Decision, Emitter
from governed_kernel.capture.registry import Registry
from governed_kernel.capture.scalars import Scalars
from governed_kernel.capture.uris import is_url, redacted
from governed_kernel.errors import GovernedError, PolicyDenied, RecorderLost
from governed_kernel.lineage.events import (
    Access,
    ObserverLost,
    Operation,
    ResourceKind,
)

__all__ = [
    "Call",
    "Content",
    "EnvironmentRule",
    "Observation",
    "ThreadState",
    "environment_rule",
    "library_prefixes",
]


def library_prefixes() -> tuple[str, ...]:
    """Where code lives that is not the user's: standard library, site-packages, this package."""
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {str(Path(path).resolve()) for path in paths if path}
    paths.add(str(Path(__file__).parent.parent))
    return tuple(sorted(f"{path}/" for path in paths if path))


class EnvironmentRule(Protocol):
    """Tells of an absolute path whether it belongs to the environment rather than to the work."""

    def __call__(self, path: str, *, write: bool) -> bool:
        """Whether opening `path`, for reading or for writing, says nothing about data."""


def environment_rule() -> EnvironmentRule:
    """The recorder's rules in a governed session; else the interpreter, the system and caches."""
    if workspace := os.environ.get("GOVERNED_WORKSPACE"):
        from governed_kernel.recorder import environment

        ticket = os.environ.get("GOVERNED_TICKET", "")
        variables = environment.session_variables(Path(workspace), ticket=ticket)
        return environment.Environment(environment.resolve_places(variables)).covers
    home = str(Path.home())
    prefixes = (
        *library_prefixes(),
        *(f"{path}/" for path in {sys.prefix, sys.base_prefix, sys.exec_prefix}),
        *("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib", "/bin/", "/var/cache/", "/run/"),
        *(f"{home}/{name}/" for name in (".ipython", ".jupyter", ".local/share/jupyter")),
        *(f"{home}/.{name}/{tool}" for name in ("config", "cache") for tool in _TOOLS),
    )

    def is_environment(path: str, *, write: bool) -> bool:
        if path.startswith(prefixes):
            return True
        return path.endswith(".pyc") or (path.endswith(".py") and not write)

    return is_environment


_MOST_PLACES = 200
_TOOLS = ("matplotlib", "fontconfig", "pip", "ipython", "torch_extensions")


class Content(NamedTuple):
    """What is known of what came or went."""

    status: int = 0
    """HTTP status of the answer; 0 where there is none."""
    sha256: str = ""
    bytes: int = -1


NO_CONTENT = Content()


class Call:
    """One observed call that is under way in a thread."""

    __slots__ = (
        "arguments",
        "claims",
        "contents",
        "nested",
        "note",
        "opened",
        "outer",
        "site",
        "target",
    )

    def __init__(
        self, target: Any, arguments: tuple[Any, ...], outer: Call | None, site: tuple[int, int]
    ) -> None:
        self.target = target
        self.arguments = arguments
        self.outer = outer
        self.site = site
        """Code object's id and instruction of the caller: the place of the call."""
        self.nested = 0
        """Observed calls that were made inside this one."""
        self.note: Any = None
        """What the rule wants to remember from before the call until after it."""
        self.claims: dict[tuple[Operation, str], tuple[Decision, ResourceKind]] = {}
        """Accesses that this call's own observer reports and has asked a decision for."""
        self.opened: set[tuple[Operation, str]] = set()
        """Claims that the audit hook saw happen."""
        self.contents: dict[tuple[Operation, str], Content] = {}
        """What other observers found out about claims."""

    def claimed(self, operation: Operation, uri: str) -> Call | None:
        """The innermost call under way that reports this access itself."""
        call: Call | None = self
        while call is not None:
            if (operation, uri) in call.claims:
                return call
            call = call.outer
        return None


class Doings:
    """What was done while one statement of the notebook was executed.

    Attributes
    ----------
    works : list
        Steps that made something (`steps.Work`).
    read, written : dict of str to str
        URI → kind of what was accessed.
    explained : set of str
        URIs that a step speaks of.
    into : dict of str to set of str
        What a step wrote → the entities that it took.
    among : set of str
        Entities of which a function asked whether something is in them.
    asked : dict of int to tuple
        `identity` of what nobody knew that has gone into the latest call → it, and its name.
    chosen : list of str
        Entities of names by which steps chose columns, each time: no value of theirs goes on.
    divided : dict of str to bool
        Step to how something divides rows (`references.DIVIDED`) → whether no value goes on by it.
    ended : set of str
        Entities whose values left for where no observer sees them.
    made : set of str
        Entities that steps have made.
    taught : set of str
        Entities of estimators that were fitted.
    unseen : set of str
        Entities of things that nobody saw being made.
    untold : tuple of int, Operands and Node, or None
        The latest name for numbers that nobody knows, how many steps there were by then, and what
        the operation took.
    computed : bool
        Whether single values were computed in it, or are known of those that it mentions.
    """

    __slots__ = (
        *("among", "asked", "chosen", "computed", "divided", "ended", "explained", "into", "made"),
        *("read", "taught", "unseen", "untold", "works", "written"),
    )

    def __init__(self) -> None:
        self.works: list[Any] = []
        self.read: dict[str, ResourceKind] = {}
        self.written: dict[str, ResourceKind] = {}
        self.explained: set[str] = set()
        self.into: dict[str, set[str]] = {}
        self.ended: set[str] = set()
        self.chosen: list[str] = []
        self.divided: dict[str, bool] = {}
        self.made: set[str] = set()
        self.taught: set[str] = set()
        self.unseen: set[str] = set()
        self.untold: tuple[int, Any, Any] | None = None
        self.among: set[str] = set()
        self.asked: dict[int, tuple[Any, Any]] = {}
        self.computed = False

    @property
    def steps(self) -> list[Any]:
        """The works that are steps, and no names for what nobody could follow."""
        return [work for work in self.works if work.place is None]

    def until(self, place: int) -> Doings:
        """What was done before a step, by its place."""
        if place >= len(self.works):
            return self
        before = Doings()
        before.works, before.ended = self.works[:place], self.ended
        before.read, before.written, before.explained = self.read, self.written, self.explained
        return before

    def access(self, operation: Operation, kind: ResourceKind, uri: str) -> None:
        """Something outside memory was accessed."""
        if operation == "delete":
            self.written.pop(uri, None)  # a file under another name until it is complete
        places = {"read": self.read, "write": self.written}.get(operation)
        if places is not None and len(places) < _MOST_PLACES:
            places[uri] = kind


class Judged(dict[str, bool]):
    """Answers that are found once: a file of code → whether the user wrote it."""

    def __init__(self, judge: Callable[[str], bool]) -> None:
        self._judge = judge

    def __missing__(self, filename: str) -> bool:
        answer = self[filename] = self._judge(filename)
        return answer


class ThreadState(threading.local):
    """What a thread is in the middle of."""

    call: Call | None = None
    memory: Any = None
    client: str = ""
    """The library that the user asked for what is fetched now: another does it in its name."""
    busy: bool = False
    """An observer is at work: what it does itself is not observed."""
    answers: tuple[tuple[Any, Any], ...] = ()
    """What functions gave that the call under way has asked: see `answers`."""


class Observation:
    """The observers' common ground.

    Parameters
    ----------
    emitter : Emitter
        Where events go, and where decisions come from.
    is_environment : EnvironmentRule
        Tells of an absolute path whether it belongs to the environment rather than to the work.
    session : str
        Id of the session, part of the names of things in memory.
    """

    def __init__(self, emitter: Emitter, is_environment: EnvironmentRule, session: str) -> None:
        self.emitter = emitter
        self.is_environment = is_environment
        self.session = session
        self.state = ThreadState()
        self.registry = Registry()
        self.scalars = Scalars(self.registry)
        self.names: dict[str, tuple[Any, ...]] = {}
        """Entity of a frame whose columns are called by values → the nodes of these names."""
        self._numbers = itertools.count(1)
        self._transformations = itertools.count(1)
        self._prefixes = library_prefixes()
        self.observed: set[str] = set()
        """Libraries whose observers leave nothing for the audit hook to tell."""
        self.at_end: list[Callable[[], None]] = []
        """What observers still have to say when a cell ends."""
        self.handles: dict[type, Callable[[Any, Sequence[str | int]], Any]] = {}
        """Kinds of things that lead to data and hold none, such as connections → what is known of
        the result that one of them has ready, if a path of attributes asks for that."""
        self.user_files = Judged(self._judge)
        self.moment = 0
        """The number of the statement that is executed; 0 between statements."""
        self.doings: list[Doings] = []
        """What was done so far in the statement that is executed (and in those around it)."""
        self.trainings: dict[int, Any] = {}
        """Identity of an optimiser → the steps it has taken, which are still to be reported."""
        self.variables: Any = None
        """The notebook's `variables.Variables`, where there is a notebook."""

    # --- names ------------------------------------------------------------------------------

    def continue_as(self, process: int) -> None:
        """Name things after another process from now on."""
        self.session = f"{self.session}.{process}"

    def new_entity(self) -> str:
        """A name for one more thing in memory."""
        return f"memory://{self.session}/{next(self._numbers)}"

    def new_transformation(self) -> str:
        """A name for one more transformation."""
        return f"{self.session}/t{next(self._transformations)}"

    def is_user_file(self, filename: str) -> bool:
        """Whether code compiled from `filename` was written by the user."""
        return self.user_files[filename]

    def _judge(self, filename: str) -> bool:
        # Generated code of libraries; other unnamed code (``%timeit``, ``exec``) is the user's.
        if filename.startswith("<"):
            return not filename.startswith(("<frozen", "<__array_function__", "<attrs", "<decor"))
        return not filename.startswith(self._prefixes)

    # --- events -----------------------------------------------------------------------------

    def cell(self) -> Cell:
        """The cell the calling thread works for."""
        return self.emitter.cell()

    def read_text(self, filename: str) -> None:
        """Have the lines of the user's own code at hand; that they were read is on record."""
        busy, self.state.busy = self.state.busy, False
        before = dict(self.doings[-1].read) if self.doings else {}
        try:
            linecache.getlines(filename)
        finally:
            self.state.busy = busy
            if self.doings:
                self.doings[-1].read = before  # it is no data of the statement's

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While an observer works, its own accesses are not observed."""
        before = self.state.busy
        self.state.busy = True
        try:
            yield
        finally:
            self.state.busy = before

    @contextmanager
    def guarded(self, observer: str) -> Iterator[None]:
        """While an observer works on its own account: a failure is recorded, never raised."""
        try:
            with self.at_work():
                yield
        except RecorderLost:
            raise
        except Exception as error:
            self.lost(observer, error)

    def lost(self, observer: str, error: BaseException) -> None:
        """Record that `observer` failed; the user's call goes on."""
        cell = self.cell()
        text = "".join(traceback.format_exception(error))
        self.emitter.emit(
            ObserverLost(
                execution=cell.execution,
                cell_id=cell.cell_id,
                observer=observer,
                error_name=type(error).__name__,
                error=self.emitter.payload(text),
            )
        )

    def decide(self, operation: Operation, target: str) -> Decision:
        """Policy's decision; an error in finding it is a refusal, never a pass."""
        try:
            return self.emitter.decide(operation, target)
        except GovernedError:
            raise
        except Exception as error:
            self.lost("decide", error)
            return Decision(False, f"the decision failed: {type(error).__name__}: {error}")

    def access(
        self,
        operation: Operation,
        kind: ResourceKind,
        uri: str,
        via: str,
        decision: Decision,
        detail: str = "",
        *,
        content: Content = NO_CONTENT,
        cell: Cell | None = None,
    ) -> None:
        """Emit one access, of the current cell if not told otherwise; when denied, raise as well.

        Raises
        ------
        PolicyDenied
            Policy forbids the access.
        """
        cell = cell or self.cell()
        if self.doings:
            self.doings[-1].access(operation, kind, uri)
        outcome: Any = ""
        if not decision.allowed:
            outcome = "denied"
        elif decision.dataset or decision.policies:
            outcome = "allowed"
        self.emitter.emit(
            Access(
                execution=cell.execution,
                cell_id=cell.cell_id,
                operation=operation,
                kind=kind,
                uri=uri,
                via=via,
                dataset=decision.dataset,
                version=decision.version,
                data_class=decision.data_class,
                decision=outcome,
                policies=list(decision.policies),
                detail=self.emitter.payload(redacted(detail)) if detail else "",
                status=content.status,
                sha256=content.sha256,
                bytes=content.bytes,
            )
        )
        if not decision.allowed:
            raise denied(operation, uri, decision)


def denied(operation: Operation, uri: str, decision: Decision) -> PolicyDenied:
    """The error a user sees when policy forbids an access."""
    name = f"{decision.dataset}@{decision.version}" if decision.dataset else uri
    return PolicyDenied(
        f"{operation} of {name} is not allowed",
        why=decision.reason,
        next=decision.advice or _ask(uri),
    )


def _ask(uri: str) -> str:
    if not is_url(uri) or uri.startswith("file://"):
        return "ask the data's owner, or see `governed data list` for what you may use"
    return "ask who keeps the policy of this workspace"


def running(code: Any, frame: Any) -> bool:
    """Whether a call of `code` is on the stack that ends in `frame`."""
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False
