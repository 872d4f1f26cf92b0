"""Each figure beside its limit, all in one run; ``python -m tests.benchmarks.store [--small]``.

The column *ratio* is the figure's share of its limit: below 1 is better for times and sizes, above
1 for speeds. Processor time stands beside elapsed time, which others on the machine lengthen.
MLflow's figures need an interpreter that has it: see `mlflow_side`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from governed_kernel.audit.as_of import as_of
from governed_kernel.audit.sealed import check_sealed
from governed_kernel.audit.seen import Seen
from governed_kernel.audit.sessions import check_sessions
from governed_kernel.governance import keys
from governed_kernel.governance.pkcs8 import Cost
from governed_kernel.governance.register import Register
from governed_kernel.lineage import graph
from governed_kernel.lineage.events import JournalOpened, SessionSealed
from governed_kernel.lineage.forms import forms, journal_files, open_journal, stream
from governed_kernel.lineage.journal import JournalWriter, chain
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.sealing import Sealing
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.benchmarks.store import acknowledging, deploying
from tests.benchmarks.store.filling import OUT, chain_of_steps, grow, session_events
from tests.kernel.running import home_of, make_workspace
from tests.lineage import lakes
from tests.lineage.sessions import Session, workspace_at

SMALL = "--small" in sys.argv
EVENTS = 50_000 if SMALL else 1_000_000
EDGES = 200_000 if SMALL else 10_000_000
DEPLOYMENTS = 2_000 if SMALL else 100_000
TURNS = 5 if SMALL else 41
CELLS = 20 if SMALL else 250
KERNELS = 4
_SESSIONS = 10
_MEMORY = """
import sys
from pathlib import Path
import msgspec
from governed_kernel.audit.sealed import check_sealed
from governed_kernel.lineage.events import SessionSealed
seal = msgspec.json.decode(sys.argv[2], type=SessionSealed)
check_sealed(Path(sys.argv[1]), seal)
(peak,) = [x.split()[1] for x in open("/proc/self/status") if x.startswith("VmHWM")]
print(peak)
"""


def say(work: str, figure: str, bar: str = "", ratio: float | None = None, peer: str = "") -> None:
    """One row of the table."""
    share = "" if ratio is None else f"{ratio:.2f}"
    sys.stdout.write(f"{work:<58}{figure:>16}  {bar:>12}  {share:>6}  {peer}\n")
    sys.stdout.flush()


def took(work: Callable[[], object], times: int = 1) -> tuple[float, float]:
    """Elapsed and processor seconds, the fastest of some times each."""
    elapsed, processor = [], []
    for _ in range(times):
        start, used = time.perf_counter(), time.process_time()
        work()
        elapsed.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return min(elapsed), min(processor)


def middle(work: Callable[[], object], times: int = 9) -> tuple[float, float]:
    """Elapsed and processor milliseconds at the median, the first time left out."""
    work()
    found = [took(work) for _ in range(times)]
    return (
        statistics.median(elapsed for elapsed, _ in found) * 1e3,
        statistics.median(used for _, used in found) * 1e3,
    )


class Took(NamedTuple):
    """Elapsed and processor milliseconds at the median."""

    elapsed: float
    used: float


def in_turn(works: Sequence[Callable[[], object]], times: int) -> list[Took]:
    """What several pieces of work take, done in turn so that all see the same machine."""
    found: list[list[tuple[float, float]]] = [[] for _ in works]
    for turn in range(times + 1):
        order = list(enumerate(works))
        for number, work in order[turn % len(order) :] + order[: turn % len(order)]:
            found[number].append(took(work))
    return [
        Took(*(statistics.median(kind) * 1e3 for kind in zip(*each[1:], strict=True)))
        for each in found
    ]


def measure_acknowledging(folder: Path, peer: dict[str, Any]) -> None:
    workspace = workspace_at(folder)
    theirs = _spread(peer.get("acknowledge"))
    for durable, mode in ((True, "release: on disk"), (False, "research")):
        sent, ended = acknowledging.measure(workspace, KERNELS, CELLS, durable=durable)
        for name, value, bar in (
            ("median", statistics.median(ended), 1.0),
            ("99th percentile", acknowledging.quantile(ended, 0.99), 5.0),
        ):
            work = f"a cell acknowledged, {KERNELS} kernels at once, {mode}: {name}"
            say(work, f"{value * 1e3:.2f} ms", f"{bar:g} ms", value * 1e3 / bar, theirs)
            theirs = ""
        value = statistics.median(sent) * 1e6
        say(f"an event's cost to the cell, {mode}: median", f"{value:.1f} µs", "10 µs", value / 10)
    floor = acknowledging.bare(folder, KERNELS, CELLS)
    high = acknowledging.quantile(floor, 0.99)
    say(
        f"  the floor: 300 bytes and one fdatasync, {KERNELS} processes at once",
        f"{statistics.median(floor) * 1e3:.2f} ms",
        peer=f"99th {high * 1e3:.2f} ms; a cell has two, its texts and its records",
    )
    alone, ended = acknowledging.measure(workspace, 1, CELLS, durable=True)
    say("  one kernel alone: a cell, median", f"{statistics.median(ended) * 1e3:.2f} ms")
    say("  one kernel alone: an event, median", f"{statistics.median(alone) * 1e6:.1f} µs")


def _spread(times: list[float] | None) -> str:
    if not times:
        return "NOT RUN"
    high = acknowledging.quantile(times, 0.99)
    return f"{statistics.median(times) * 1e3:.1f} ms, 99th {high * 1e3:.0f} ms: log_metric"


def record(workspace: Workspace, session: str, events: list[Any]) -> SessionSealed:
    """Write a session's journal; returns the seal that its recorder would make."""
    writer = JournalWriter(workspace.journals / f"{session}.jsonl")
    writer.append(JournalOpened(workspace_id="w-1", journal=session))
    for start in range(0, len(events), 1000):
        writer.append(*events[start : start + 1000])
    writer.close()
    head = writer.head
    return SessionSealed(
        session_id=session,
        records=head.records,
        bytes=head.size,
        head=head.hash.hex(),
        sha256=writer.sha256,
    )


def compress(workspace: Workspace, seal: SessionSealed) -> SessionSealed:
    """Compress a session's journal, and say so in its seal."""
    with Sealing(workspace.journals / f"{seal.session_id}.jsonl") as sealing:
        form = sealing.compress(seal.sha256)
        assert form is not None
        sealing.settle()
    return msgspec.structs.replace(
        seal, compressed_bytes=form.compressed_bytes, compressed_sha256=form.compressed_sha256
    )


def measure_ingestion(folder: Path, peer: dict[str, Any]) -> None:
    """Journals into the store, from their chains and from their seals; then what both take."""
    workspace = workspace_at(folder)
    events = session_events(EVENTS // _SESSIONS)

    def bare() -> None:
        head, encode = bytes(32), msgspec.json.Encoder().encode
        for event in events:
            head = chain(head, encode(event))

    elapsed, used = took(bare, 3)
    speed = len(events) / elapsed
    say("encode and chain, bare", f"{speed:,.0f}/s", peer=f"{len(events) / used:,.0f}/s of CPU")
    seals = [record(workspace, f"s{number}", events) for number in range(_SESSIONS)]
    store = Store(workspace)
    theirs = f"{peer['rows_a_second']:,.0f}/s: log_batch" if peer else "NOT RUN"
    say_ingestion("journal → DuckDB, followed by its chain", store, theirs)
    start = time.perf_counter()
    seals = [compress(workspace, seal) for seal in seals]
    packed = time.perf_counter() - start
    Ledger(workspace).append(*seals)
    say_ingestion("journal → DuckDB, sealed: by its digest", store)
    say("  the whole process, at most", f"{_peak():.0f} MiB")
    elapsed, used = middle(store.ingest)
    say("  nothing new", f"{elapsed:.0f} ms", peer=f"{used:.0f} ms of CPU")
    size = store.path.stat().st_size / EVENTS
    theirs = f"{peer['bytes_a_row']:.0f} bytes a metric" if peer else "NOT RUN"
    say("disk: bytes an event, in DuckDB", f"{size:.0f}", "100", size / 100, theirs)
    plain, form = (sum(getattr(s, name) for s in seals) for name in ("bytes", "compressed_bytes"))
    left = f"{plain / EVENTS:.0f} before"
    say("disk: bytes an event, in sealed journals", f"{form / EVENTS:.0f}", peer=left)
    say("  sealing: compress, sync, read back", f"{plain / packed / 1e6:,.0f} MB/s")
    measure_verification(workspace, seals)


def say_ingestion(work: str, store: Store, theirs: str = "") -> None:
    elapsed, used = took(store.rebuild, 2)
    speed = EVENTS / elapsed
    say(work, f"{speed:,.0f}/s", "300,000/s", speed / 300_000, theirs)
    speed = EVENTS / used
    say("  the same, a second of processor time", f"{speed:,.0f}", "300,000", speed / 300_000)


def _peak() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_verification(workspace: Workspace, seals: list[SessionSealed]) -> None:
    """All journals held against their seals, beside SHA-256 over the same bytes."""
    paths = [workspace.journals / f"{seal.session_id}.jsonl" for seal in seals]
    content = b""
    with open_journal(paths[0]) as file:
        content = b"".join(map(bytes, stream(file)))

    def plain() -> None:
        for _ in seals:
            hashlib.sha256(content).digest()

    def verify() -> None:
        for path, seal in zip(paths, seals, strict=True):
            check_sealed(path, seal)

    size = len(content) * len(seals)
    (bare, bare_used), (elapsed, used) = took(plain, 3), took(verify, 3)
    say("SHA-256 over the same bytes, bare", f"{size / bare / 1e6:,.0f} MB/s")
    say(
        "audit verify, compressed journals: share of SHA-256",
        f"{bare / elapsed:.0%}",
        "60%",
        bare / elapsed / 0.6,
        f"{bare_used / used:.0%} in processor time; MLflow has nothing to verify",
    )
    small = memory_of(paths[0], seals[0])
    joined = record(workspace, "all", session_events(EVENTS))
    large = memory_of(workspace.journals / "all.jsonl", joined)
    elapsed, used = took(partial(check_sealed, workspace.journals / "all.jsonl", joined), 3)
    say(
        "audit verify, plain journal: share of SHA-256",
        f"{bare / elapsed * joined.bytes / size:.0%}",
        "60%",
        bare / elapsed * joined.bytes / size / 0.6,
    )
    say(
        f"  its memory, {seals[0].bytes / 1e6:.0f} MB and {joined.bytes / 1e6:.0f} MB",
        f"{small:.0f}, {large:.0f} MiB",
        "constant",
    )


def memory_of(journal: Path, seal: SessionSealed) -> float:
    """MiB that a process takes at most to verify a journal."""
    said = msgspec.json.encode(seal).decode()
    found = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(journal), said],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(found.stdout) / 1024


def measure_incremental(folder: Path) -> None:
    """An audit of sealed sessions again, when nothing has changed."""
    from tests.kernel.running import home_of, make_workspace

    workspace = make_workspace(folder)
    os.environ["GOVERNED_HOME"] = str(home_of(workspace))
    identity = Register.read(workspace).workspace_id
    events = session_events(EVENTS // 100)
    for number in range(50):
        writer = JournalWriter(workspace.journals / f"s{number}.jsonl")
        writer.append(JournalOpened(workspace_id=identity, journal=f"s{number}"))
        writer.append(*events)
        writer.close()
        head = writer.head
        bound = SessionSealed(
            session_id=f"s{number}",
            records=head.records,
            bytes=head.size,
            head=head.hash.hex(),
            sha256=writer.sha256,
            texts=0,
            texts_sha256=hashlib.sha256().hexdigest(),
        )
        Ledger(workspace).append(compress(workspace, bound))
    register = Register.read(workspace)

    def verify(*, skip: bool) -> set[str]:
        seen = Seen(identity, skip=skip)
        seen._started += 10_000_000_000  # as if it began when the files had rested
        found: set[str] = {
            check.outcome for check in check_sessions(workspace, register, seen=seen)
        }
        seen.save()
        return found

    whole, _ = took(lambda: verify(skip=False) == {"ok"} or sys.exit("not ok"))
    again, _ = took(lambda: verify(skip=True) == {"unread"} or sys.exit("read again"), 3)
    size = sum(f.stat().st_size for p in journal_files(workspace.journals) for f in forms(p))
    say(f"audit verify of 50 sessions, {size / 1e6:.0f} MB on disk", f"{whole * 1e3:.0f} ms")
    say("  incremental, nothing changed", f"{again * 1e3:.1f} ms", peer=f"{again / whole:.1%}")


def measure_lake(folder: Path) -> None:
    """The same journals into a file and into a lake whose PostgreSQL runs on this machine."""
    with lakes.running() as server:
        if server is None:
            say("journal → lake", "NOT RUN", peer="PostgreSQL is not installed")
            return
        workspace = workspace_at(folder)
        events = session_events(EVENTS // _SESSIONS)
        for number in range(_SESSIONS):
            record(workspace, f"s{number}", events)
        alone, _ = took(Store(workspace).ingest)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PGPASSWORD", lakes.PASSWORD)
            text = server.settings(folder.with_name("lake")) + '[workspace]\nname = "lake"\n'
            (workspace.root / "governed.toml").write_text(text)
            lake = Store(Workspace(workspace.root))
            into, _ = took(lake.ingest)
            say("journal → lake (DuckLake, PostgreSQL here)", f"{EVENTS / into:,.0f}/s",
                peer=f"{into / alone:.2f} times a file's time")  # fmt: skip
            later = Session(workspace, "z1", start=9)
            later.cell("x")
            later.end()
            one, _ = took(lake.ingest)
            nothing, _ = took(lake.ingest)
            say("  one more small session; nothing new", f"{one:.1f} s; {nothing:.1f} s")


def measure_questions(folder: Path) -> None:
    """A trace of 1,000 edges among many more: the same path in stores of several sizes, in turn."""
    stores = {}
    for edges in (EDGES // 10, EDGES, EDGES * 3):
        workspace = workspace_at(folder / str(edges))
        chain_of_steps(workspace, 50, 20)
        stores[edges] = Store(workspace)
        stores[edges].ingest()
        grow(stores[edges], edges)
    asked = [partial(graph.trace, s.workspace, OUT, columns=True, store=s) for s in stores.values()]
    opened = [partial(_open, store) for store in stores.values()]
    small, stored, large, *alone = in_turn([*asked, *opened], TURNS)
    say(
        f"trace, {EDGES:,} edges stored, 1,000 on the path",
        f"{stored.elapsed:.0f} ms",
        "100 ms",
        stored.elapsed / 100,
        f"{stored.used:.0f} ms of CPU, opening the store included; MLflow has no such question",
    )
    for edges, found, opening in ((EDGES, stored, alone[1]), (EDGES * 3, large, alone[2])):
        ratio = found.elapsed / small.elapsed
        work = f"  the same path, {edges:,} edges to {EDGES // 10:,}, in turn"
        told = f"{found.used / small.used:.2f} in CPU; {TURNS} times each, the medians"
        say(work, f"{ratio:.3f} times", "1.02", ratio / 1.02, told)
        ratio = (found.elapsed - opening.elapsed) / (small.elapsed - alone[0].elapsed)
        told = f"{opening.elapsed:.1f} ms instead of {alone[0].elapsed:.1f}"
        say("    of it, without opening the store", f"{ratio:.3f} times", "", None, told)
    store, workspace = stores[EDGES], stores[EDGES].workspace
    later = Session(workspace, "z1", start=9)
    later.cell("x")
    frame = later.read_file(OUT, ["c0"])
    later.write_file(frame, ["c0"], "file:///later.parquet")
    later.end()
    elapsed, used = took(store.ingest)
    spent = f"{used * 1e3:.0f} ms of CPU"
    say("  one more session among them: ingest", f"{elapsed * 1e3:.0f} ms", peer=spent)


def _open(store: Store) -> None:
    with store.read() as connection:
        connection.execute("SELECT count(*) FROM base.meta").fetchall()


def measure_as_of(folder: Path, peer: dict[str, Any]) -> None:
    """What was live at a moment, with all that it rests on, by a ledger of signed deployments."""
    workspace = make_workspace(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", str(home_of(workspace)))
        patch.setattr(keys, "COST", Cost(n=2**8, r=8, p=1))
        moment = deploying.deploy(workspace, DEPLOYMENTS)
        asked = partial(as_of, workspace, moment)
        first, used = took(asked)
        count = len(asked().live)
        elapsed, busy = middle(asked)
        theirs = f"{peer['as_of'] * 1e3:.0f} ms: search_runs" if peer else "NOT RUN"
        work = f"as-of over {DEPLOYMENTS:,} deployments, {count:,} live then"
        say(work, f"{elapsed:.1f} ms", "20 ms", elapsed / 20, theirs)
        say("  of that processor time", f"{busy:.1f} ms", "20 ms", busy / 20)
        elapsed, busy = middle(partial(as_of, workspace, moment, "nowhere"))
        what = "  asked for an environment where nothing was live"
        say(what, f"{elapsed:.1f} ms", "20 ms", elapsed / 20, f"{busy:.1f} ms of CPU")
        size = workspace.ledger.stat().st_size / 1e6
        work = f"  once for each state of the ledger ({size:.0f} MB): every signature"
        say(work, f"{first:.1f} s", peer=f"{used:.1f} s of CPU")


def mlflow() -> dict[str, Any]:
    """MLflow's figures; empty where no interpreter with it was named."""
    python = os.environ.get("MLFLOW_PYTHON")
    if not python:
        sys.stdout.write("MLflow: NOT RUN (MLFLOW_PYTHON names no interpreter that has it)\n")
        return {}
    script = str(Path(__file__).with_name("mlflow_side.py"))
    found = subprocess.run(
        [python, script, str(KERNELS), str(DEPLOYMENTS)], capture_output=True, text=True, check=True
    )
    figures: dict[str, Any] = json.loads(found.stdout)
    return figures


def main() -> None:
    """Print the table."""
    sys.stdout.write(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start\n")
    peer = mlflow()
    say("work", "figure", "limit", None, "MLflow on SQLite, or a remark")
    folder = Path(tempfile.mkdtemp())
    try:
        measure_acknowledging(folder / "acknowledging", peer)
        measure_ingestion(folder / "ingestion", peer)
        measure_lake(folder / "lakes" / "workspace")
        measure_incremental(folder / "incremental" / "workspace")
        measure_questions(folder / "questions")
        measure_as_of(folder / "deployments", peer)
    finally:
        shutil.rmtree(folder)
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f} at the end\n")


if __name__ == "__main__":
    main()
