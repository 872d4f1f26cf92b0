"""Where polars runs plans: every collect and every sink, whoever asks for it.

Eager methods, readers and writers run plans as well: what runs inside an observed call is handed to
that call's own rule. What runs on its own is a step itself.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from polars._utils.async_ import _AioDataFrameResult
from polars.lazyframe.engine import _CollectBatches, _LocalEngine
from polars.lazyframe.in_process import InProcessQuery

from governed_kernel.capture.adapters.polars.leaves import Lazy, memories
from governed_kernel.capture.adapters.polars.origins import Fields, Table
from governed_kernel.capture.adapters.polars.plans import Plan, Written, files_of, named
from governed_kernel.capture.adapters.polars.subjects import GROUPS, Work, look, size
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, Target, hooks_of, observe
from governed_kernel.capture.registry import Node, identity
from governed_kernel.capture.rewriting import Hooks, outermost_function, rewrite
from governed_kernel.capture.steps import MOST_EDGES
from governed_kernel.capture.transfers import announce, complete
from governed_kernel.capture.uris import is_url, path_of

__all__ = [
    "Run",
    "after",
    "arm",
    "before",
    "read_plan",
    "record_run",
    "run_that_made",
    "runs_of",
]

_LATER = (_CollectBatches, InProcessQuery)
"""What stands for a frame that comes later, or part by part."""
_ASKED, _OPTIONS = 1, 2
"""Where the engines' methods have their lazy frames and their options."""
_HERE = str(Path(pl.__file__).parent)


class Run(NamedTuple):
    """One plan that was run.

    Attributes
    ----------
    lazy : LazyFrame
        What was asked for.
    result : Any
        What came of it.
    plan : Plan or None
        Where it was looked at before it ran.
    """

    lazy: Any
    result: Any
    plan: Plan | None


def panics(error: BaseException) -> bool:
    """Whether an error is polars' own failure, which is no `Exception`."""
    return type(error).__name__ == "PanicException"


def read_plan(lazy: Any, known: Lazy | None = None) -> Plan | None:
    """The plan of a lazy frame; None when polars won't show it."""
    try:
        return Plan(lazy._ldf, known.sources if known is not None else ())
    except Exception:
        # Wrong plans say so when they are run, and so do functions of the user that give columns.
        return None
    except BaseException as error:
        if panics(error):
            return None
        raise


def polars_call(call: Call) -> Call | None:
    """The call of polars that `call` was made in, if any."""
    outer = call.outer
    # One without arguments stands for many calls, none of which runs a plan for its result.
    named = outer is not None and outer.target.library == "polars" and outer.arguments
    return outer if named else None


def runs_of(call: Call) -> list[Run]:
    """The plans that ran inside a call."""
    return [run for run in call.note or () if isinstance(run, Run)]


def made_by(run: Run, result: Any) -> bool:
    """Whether what a call returned is what a run inside it made, perhaps as a series."""
    if isinstance(result, pl.Series) and isinstance(run.result, pl.DataFrame):
        return run.result.shape == (len(result), 1)
    return run.result is result


def run_that_made(call: Call, result: Any) -> Run | None:
    """The run inside a call that made what it returned; a user's function may have run others."""
    return next((run for run in reversed(runs_of(call)) if made_by(run, result)), None)


def _asked_for(call: Call) -> list[Any]:
    """The lazy frames that are to be run."""
    asked = call.arguments[_ASKED]
    return [asked] if isinstance(asked, pl.LazyFrame) else list(asked)


def _is_eager(call: Call) -> bool:
    """Whether polars runs this for a method of a frame in memory."""
    return bool(call.arguments[_OPTIONS]._pyoptflags.eager)


def _works_in_memory(outer: Call) -> bool:
    """Whether a call of polars neither reads nor writes."""
    subject = outer.arguments[0] if outer.arguments else None
    in_memory = isinstance(subject, _IN_MEMORY)
    return in_memory and not outer.target.name.startswith(("write_", "sink_"))


_IN_MEMORY = (pl.DataFrame, pl.Series, *GROUPS)


def before(observation: Observation, call: Call) -> None:
    """Look at what is going to be read and written, and ask whether it may be."""
    outer = polars_call(call)
    if outer is None and _is_eager(call):
        return
    if outer is not None and _works_in_memory(outer):
        return
    call.note = []
    for lazy in _asked_for(call):
        known = _known(observation, call, lazy)
        if known is not None and any(map(_is_remote, known.scanned)):
            # Looking means going there, with the user's credentials: policy first, and polars too.
            call.note.append(known)
            ask(observation, call, None, known)
            if outer is not None and outer.target.name.startswith("sink_"):
                for path in named(outer.arguments[1]):
                    announce(observation, call, "write", path)
            continue
        plan = read_plan(lazy, known)
        call.note.append(plan)
        ask(observation, call, plan, known)


def _is_remote(source: str) -> bool:
    return is_url(source) and not source.startswith("file://")


def _known(observation: Observation, call: Call, lazy: Any) -> Lazy | None:
    """What is known of a lazy frame, or of what the call around made it from."""
    work, outer = Work(observation, Observed(call, None)), polars_call(call)
    known = work.memory.of(lazy)
    if known is not None or outer is None:
        return known
    if outer.target.name.startswith("read_"):
        source = tuple(named(outer.arguments[0]))
        return Lazy((), sources=(source,), scanned=source)
    return work.lazy(outer.arguments)


def ask(observation: Observation, call: Call, plan: Plan | None, known: Lazy | None) -> None:
    """Ask about each file of a plan, and claim the accesses."""
    paths = [path for scan in plan.scans for path in scan.paths] if plan is not None else []
    if plan is None and known is not None:
        # A wrong plan: it is going to fail, but only after files were opened.
        paths = [path for source in known.scanned for path in files_of(source)]
    for path in paths:
        uri = announce(observation, call, "read", path)
        if uri is not None and ("read", uri) in call.claims:
            # Its header was read to know its columns, so it stays read if the run fails.
            call.opened.add(("read", uri))
    for target in plan.targets if plan is not None else ():
        if not target.parts:
            announce(observation, call, "write", target.path)


def after(observation: Observation, observed: Observed) -> None:
    """Report the accesses; hand the run on, or record it."""
    call = observed.call
    outer = polars_call(call)
    if outer is None and _is_eager(call):
        return
    asked = _asked_for(call)
    # A user's function in the plan may have run plans of its own meanwhile.
    looked = [each for each in call.note or () if not isinstance(each, Run)]
    plans = [
        read_plan(lazy, each) if isinstance(each, Lazy) else each
        for lazy, each in zip(asked, looked, strict=False)
    ]
    via = outer.target.title if outer is not None else observed.operation
    complete(observation, call, via=via)
    for plan in plans:
        if plan is not None:
            for target in plan.targets:
                _report_parts(observation, target, plan.since, via)
    results = observed.result if isinstance(observed.result, list) else [observed.result]
    results = results if len(results) == len(asked) else [None] * len(asked)
    found = [
        Run(lazy, result, plans[place] if plans else None)
        for place, (lazy, result) in enumerate(zip(asked, results, strict=True))
    ]
    if outer is not None:
        outer.note = [*(outer.note or ()), *found]
    else:
        frame = _caller()
        by_user = frame is not None and observation.is_user_file(frame.f_code.co_filename)
        if by_user or any(plan is not None and plan.scans + plan.targets for plan in plans):
            if frame is not None:
                call.site = id(frame.f_code), frame.f_lasti
            for run in found:
                work = Work(observation, observed)
                known = filter(work.memory.of, asked)  # also those that are run beside it
                work.reached.update(map(identity, known))
                record_run(work, run, work.lazy([run.lazy]))


def _caller() -> Any:
    """The frame that called polars; None where nothing of Python did."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith((_HERE, _OBSERVERS)):
        frame = frame.f_back
    return frame


_OBSERVERS = str(Path(__file__).parents[2])


def _report_parts(observation: Observation, target: Written, since: int, via: str) -> None:
    """A folder of parts that was written: each file."""
    for path in target.files(since) if target.parts else ():
        if (uri := path_of(path)) is not None:
            decision = observation.decide("write", os.path.realpath(path))
            observation.access("write", "file", uri, via, decision)


def record_run(
    work: Work,
    run: Run,
    lazy: Lazy,
    *,
    output: Any = None,
    rows_in: int = -1,
) -> bool:
    """Record what a run made, or wrote; false when its plan can't be read.

    Parameters
    ----------
    output : Any
        What came to the user, where that is not the run's own result.
    """
    plan = run.plan or read_plan(run.lazy, lazy)
    if plan is None:
        return False
    result = run.result if output is None else output
    seen = None if plan.targets else look(result)
    columns = seen[1] if seen is not None else plan.columns()
    if isinstance(result, _LATER):
        seen = "frame", columns
    elif isinstance(result, _AioDataFrameResult):
        # It can't be told apart from others by reference; its future can.
        seen, result = ("frame", columns), result.result
        result.add_done_callback(partial(_arrived, work.observation))
    table = work.follow(plan, lazy)
    if seen is not None and len(columns) == 1 and columns[0] not in table.columns:
        # A series may go by another name than the only column it was made as.
        table = Table(dict(zip(columns, table.columns.values(), strict=True)), table.rows)
    work.owe(table, columns)
    if plan.targets:
        for target in plan.targets:
            files = target.files(plan.since)
            kind = "file" if len(files) * len(columns) <= MOST_EDGES else "folder"
            uris = map(path_of, files if kind == "file" else [target.path])
            outputs = [(Node(uri, kind, columns), "") for uri in uris if uri is not None]
            if outputs:
                work.record(outputs, rows_in, rows_in)
        return True
    kept = {name: table.full_fields(name) for name in table.fields if name in columns}
    if seen is None:
        work.finish(None, "value", (), rows_in=rows_in)
    else:
        extra = Fields(kept) if kept else None
        rows_out = size(result)
        work.finish(result, *seen, extra=extra, rows_in=rows_in, rows_out=rows_out)
    return True


def _arrived(observation: Observation, future: Any) -> None:
    """A frame that was waited for is there: it is what its future was known to be."""
    node = observation.registry.get(future)
    if node is not None and not future.cancelled() and future._exception is None:
        result = future.result()
        if isinstance(result, pl.DataFrame):
            observation.registry.put(result, node)


def look_up(observation: Observation, call: Call) -> None:
    """Before polars looks up the columns of files: ask whether they may be read."""
    lazy = call.arguments[0]
    known = Work(observation, Observed(call, None)).memory.of(lazy)
    if known is not None and "files" not in known.marks:
        return
    remote = known is not None and any(map(_is_remote, known.scanned))
    ask(observation, call, None if remote else read_plan(lazy, known), known)
    # What polars knows it does not look up again.
    memory, execution = memories(observation), observation.cell().execution
    for claim in list(call.claims):
        if not memory.first_look(execution, claim[1]):
            del call.claims[claim]
            call.opened.discard(claim)


def looked_up(observation: Observation, observed: Observed) -> None:
    """Files were opened to know their columns."""
    outer = polars_call(observed.call)
    complete(observation, observed.call, via=outer.target.title if outer is not None else "")


def _collect_hooks(observation: Observation, hooks: Hooks) -> Hooks:
    """`hooks` of the engines' ``collect``, and a short way for frames in memory.

    Their methods all run plans, and their own rules say what those made.
    """
    state = observation.state

    def enter(values: tuple[Any, ...]) -> Any:
        outer = state.call
        if outer is not None and outer.target.library == "polars" and _works_in_memory(outer):
            return outer, values[_ASKED]
        return hooks.enter(values)

    def leave(token: Any, result: Any) -> Any:
        if type(token) is not tuple:
            return hooks.leave(token, result)
        outer, lazy = token
        run = Run(lazy, result, None)
        outer.note = [run] if outer.note is None else [*outer.note, run]
        return result

    def fail(token: Any) -> None:
        if type(token) is not tuple:
            hooks.fail(token)

    return Hooks(enter, leave, fail)


def arm(observation: Observation) -> None:
    """Observe polars' engines, and what looks up columns."""
    function = outermost_function(_LocalEngine, "collect")
    assert function is not None
    target = Target("polars", "collect", "polars.LazyFrame.collect", function)
    hooks = hooks_of(observation, target, after, before, io=True)
    rewrite(function, _collect_hooks(observation, hooks))
    for name in ("collect_async", "collect_all", "collect_all_async"):
        label = f"polars.{name}" if "all" in name else f"polars.LazyFrame.{name}"
        observe(
            observation, "polars", _LocalEngine, name, after, label=label, before=before, io=True
        )
    for name in ("collect_schema", "explain", "show_graph", "_repr_html_"):
        label = f"polars.LazyFrame.{name}"
        observe(
            observation,
            "polars",
            pl.LazyFrame,
            name,
            looked_up,
            label=label,
            before=look_up,
            io=True,
        )
