"""What a session makes of classified data is as classified, for whoever reads it next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.errors import Refused
from governed_kernel.governance import access, keys, people
from governed_kernel.governance.pkcs8 import Cost
from governed_kernel.governance.register import Register
from governed_kernel.governance.withdrawal import withdraw
from governed_kernel.kernel import restrictions
from governed_kernel.lineage import derivations
from governed_kernel.lineage.derivations import Derivations
from governed_kernel.lineage.events import Access, Decided, Derived
from governed_kernel.release.recall import downstream
from tests.governance.records import register, write_records
from tests.kernel.running import RunningKernel, home_of, make_workspace
from tests.kernel.test_restrictions import BEGIN, WITH

MADE = {
    "small.csv": "df[['size', 'shape']].to_csv('small.csv', index=False)",
    "mean.json": "import json\nmean = {'mean': float(df['size'].mean())}\n"
    "json.dump(mean, open('mean.json', 'w'))",
    "part.parquet": "import duckdb\nduckdb.sql(\"copy (from 'small.csv') to 'part.parquet'\")",
    "moved.csv": "df.to_csv('passing.csv')\nos.rename('passing.csv', 'moved.csv')",
    "unmade.csv": "pd.DataFrame({'day': range(40)}).to_csv('unmade.csv')",
    "rows.csv": "import polars as pl\nheld = pl.read_csv('biopsies.csv')\n"
    "pl.DataFrame(held.rows(named=True)).write_csv('rows.csv')",
    "dicts.csv": "pd.DataFrame(held.to_dicts()).to_csv('dicts.csv')",
    "buffer.csv": "import io\nheld.write_parquet(buffer := io.BytesIO())\n"
    "pd.read_parquet(buffer).to_csv('buffer.csv')",
    "table.csv": "import sqlite3\nhere = sqlite3.connect(':memory:')\ndf.to_sql('t', here)\n"
    "pd.read_sql('select * from t', here).to_csv('table.csv')",
    "worker.csv": "import multiprocessing\n"
    "with multiprocessing.get_context('fork').Pool(1) as pool:\n"
    "    pool.apply(df.to_csv, ('worker.csv',))",
    "town.csv": "pd.read_csv('towns.csv').head(9).to_csv('town.csv', index=False)",
    "named.csv": "file = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o644)\n"
    "os.write(file, df.to_csv().encode())\n"
    "assert libc.linkat(file, b'', -100, b'named.csv', 0x1000) == 0",
    "days.csv": "days.tail(9).to_csv('days.csv')",
    "cut.csv": "import subprocess\nsubprocess.run('head -5 biopsies.csv > cut.csv', shell=True)",
}
"""What a cell leaves, and how; the frame ``df`` is health data."""
DECIDED = {
    "chosen.csv": "part = part[[size > 5 for size in df['size'][:40]]]",
    "flag.csv": "part['x'] = [1 if size > 5 else 0 for size in df['size'][:40]]",
    "cell.csv": "part.at[0, 'people'] = int(df['size'].iloc[0])",
    "row.csv": "part.loc[len(part)] = ['zz', df['size'].iloc[0]]",
    "mapped.csv": "part['x'] = part['people'].map({n: s for n, s in enumerate(df['size'])})",
    "order.csv": "part = part.iloc[np.argsort(df['size'].tolist()[:40])]",
    "head.csv": "part = part.head(int(df['size'].sum()) % 40)",
    "turn.csv": "if df['size'].iloc[0] > -1:\n    part = part.head(9)",
    "times.csv": "part['people'] = part['people'] * (2 if df['size'].iloc[0] > 1 else 1)",
    "kept.csv": "def keep(): pass\nkeep.sizes = df['size'].tolist()[:40]\npart['x'] = keep.sizes",
    "environment.csv": "os.environ['SIZES'] = ','.join(map(str, df['size'][:40]))\n"
    "part['x'] = [float(size) for size in os.environ['SIZES'].split(',')]",
}
"""What health data decides or fills, line by line, in a copy of public data."""
MADE |= {
    name: f"part = pd.read_csv('towns.csv')\n{lines}\npart.to_csv({name!r}, index=False)"
    for name, lines in {**DECIDED, "double.csv": "part['x'] = part['people'] * 2"}.items()
}
MOVED = {
    "in_folder.csv": "os.mkdir('tmp-1')\ndf.to_csv('tmp-1/in_folder.csv')\n"
    "os.rename('tmp-1', 'into')",
    "in_parts-0.parquet": "import shutil\nnamed = {'basename_template': 'in_parts-{i}.parquet'}\n"
    "df.to_parquet('tmp-2', partition_cols=['shape'], **named)\nshutil.move('tmp-2', 'parts')",
    "twice.csv": "os.makedirs('tmp-3/a')\ndf.to_csv('tmp-3/a/twice.csv')\n"
    "os.rename('tmp-3/a', 'tmp-3/b')\nos.rename('tmp-3', 'put')",
    "by_program.csv": "os.mkdir('tmp-4')\ndf.to_csv('tmp-4/by_program.csv')\n"
    "import subprocess\nsubprocess.run(['mv', 'tmp-4', 'brought'])",
    "not_moved.csv": "os.makedirs('tmp-5')\n"
    "subprocess.run('head -3 biopsies.csv > tmp-5/not_moved.csv', shell=True)\n"
    "try:\n    os.rename('tmp-5', 'nowhere/at/all')\nexcept OSError:\n    pass",
    "over.csv": "pd.read_csv('towns.csv').to_csv('over.csv')\ndf.to_csv('tmp-6.csv')\n"
    "os.replace('tmp-6.csv', 'over.csv')",
    "freed.csv": "df.to_csv('tmp-7.csv')\npd.read_csv('towns.csv').to_csv('tmp-8.csv')\n"
    "os.rename('tmp-7.csv', 'freed.csv')\nos.rename('tmp-8.csv', 'tmp-7.csv')",
    "added.csv": "os.rename('before_it/old.csv', 'added.csv')\n"
    "pd.read_csv('towns.csv').to_csv('added.csv', mode='a')",
    "not_linked.csv": "df.to_csv('not_linked.csv')\npd.read_csv('towns.csv').to_csv('linked.csv')\n"
    "try:\n    os.link('linked.csv', 'not_linked.csv')\nexcept FileExistsError:\n    pass\n"
    "with open('not_linked.csv', 'a') as file:\n    file.write('1')",
    "old.csv": "os.rename('before_this', 'after')\n"
    "pd.read_csv('towns.csv').to_csv('after/old.csv', mode='a')",
}
"""Files of health data that come to their names by a rename, their own or a folder's."""
MADE |= {
    "before.parquet": "os.mkdir('before_it')\ndf.to_csv('before_it/old.csv')\n"
    "os.mkdir('before_this')\ndf.to_csv('before_this/old.csv')\ndf.to_parquet('before.parquet')",
    **MOVED,
}
MADE["at_once.csv"] = (
    "part = pd.read_csv('towns.csv')\n"
    "part[[size > 5 for size in df['size'][:40]]].to_csv('at_once.csv', index=False)"
)
BY_NATIVE_MEANS = ("an unobserved library", "Python's own open", "DuckDB", "another program")


class Sessions:
    """A session that made files of health data and of public data, and another that reads them."""

    def __init__(self, root: Path) -> None:
        self.workspace = make_workspace(root / "workspace")
        os.environ["GOVERNED_HOME"] = str(home_of(self.workspace))
        self.root = self.workspace.root
        register(self.workspace, write_records(self.root / "biopsies.csv"), person="ada")
        key = keys.generate("sam", b"a passphrase of sam's")
        people.add(
            self.workspace,
            "ada",
            b"a passphrase of ada's",
            name="sam",
            printed_name="Sam",
            roles=["data-scientist"],
            public_key=key,
        )
        towns = self.root / "towns.csv"
        towns.write_text("town,people\n" + "\n".join(f"t{n},{n}" for n in range(40)) + "\n")
        register(self.workspace, towns, "towns", person="ada", data_class="public")
        maker = RunningKernel(self.workspace)
        self.said: dict[str, Derived | None] = {}
        assert maker.run(BEGIN + "import numpy as np, pandas as pd").status == "ok"
        before = "days = pd.DataFrame({'day': range(40)}).head(30)\ndays.to_csv('before.csv')"
        assert maker.run(before).status == "ok"
        self.before = maker.of_last(Derived)
        assert maker.run("df = pd.read_csv('biopsies.csv')").status == "ok"
        for name in MADE:
            reply = maker.run(MADE[name])
            assert reply.status == "ok", (name, reply.error)
            found = [one for one in maker.of_last(Derived) if one.uri.endswith(f"/{name}")]
            self.said[name] = found[0] if found else None
        maker.close()
        self.known = Derivations(self.workspace)
        self.known.refresh()
        self.reader = RunningKernel(self.workspace)
        assert self.reader.run(BEGIN).status == "ok"

    def read(self, way: str, path: Path) -> tuple[str, list[Access]]:
        reply = self.reader.run(WITH[way].replace("PATH", repr(str(path))))
        uri = path.resolve().as_uri()
        return reply.status, [one for one in self.reader.of_last(Access) if one.uri == uri]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", "")
        patch.setattr(keys, "COST", Cost(n=2**8, r=8, p=1))
        found = Sessions(tmp_path_factory.mktemp("derived"))
        yield found
        found.reader.close(now=True)


def test_what_is_made_of_health_data_is_health_data(made: Sessions) -> None:
    said = {
        name: (one.data_class, one.origins, one.evidence) for name, one in made.said.items() if one
    }
    health = ("health", ["biopsies@1"])
    assert said["small.csv"] == (*health, "observed")
    assert said["mean.json"] == (*health, "inferred")
    assert said["part.parquet"] == (*health, "observed")
    assert said["moved.csv"] == (*health, "observed")


def test_what_nobody_could_follow_may_be_anything_that_was_read(made: Sessions) -> None:
    one = made.said["cut.csv"]
    assert one is not None
    assert one.data_class == "health"
    assert set(one.origins) == {"biopsies@1", "towns@1"}
    assert one.evidence == "conservative"


@pytest.mark.parametrize(
    "name",
    [
        *("unmade.csv", "rows.csv", "dicts.csv", "buffer.csv", "table.csv", "worker.csv"),
        "named.csv",
    ],
)
def test_so_may_what_came_from_a_thing_that_no_step_made(made: Sessions, name: str) -> None:
    """Rows in a list, a buffer in memory, another process: by which way it came nobody knows."""
    one = made.said[name]
    assert one is not None
    assert one.data_class == "health"
    assert one.evidence == ("inferred" if name in ("dicts.csv", "rows.csv") else "conservative")


def test_what_owes_to_other_data_is_not_health_data(made: Sessions) -> None:
    assert made.before == []
    assert made.said["days.csv"] is None
    town = made.said["town.csv"]
    assert town is not None
    assert (town.data_class, town.origins) == ("public", ["towns@1"])


@pytest.mark.parametrize("name", [*DECIDED, "at_once.csv"])
def test_what_health_data_has_decided_is_health_data(made: Sessions, name: str) -> None:
    one = made.said[name]
    assert one is not None
    assert (one.data_class, set(one.origins)) == ("health", {"biopsies@1", "towns@1"})
    assert one.evidence in ("inferred", "conservative")


def test_what_is_made_of_public_data_alone_stays_public(made: Sessions) -> None:
    one = made.said["double.csv"]
    assert one is not None
    assert (one.data_class, one.evidence) == ("public", "observed")


@pytest.mark.parametrize("name", MOVED)
def test_it_is_health_data_by_whatever_renames_it_came_to_its_name(
    made: Sessions, name: str
) -> None:
    one = made.said[name]
    assert one is not None
    assert (one.data_class, "biopsies@1" in one.origins) == ("health", True)


def test_what_a_program_wrote_and_the_same_cell_reads_back_may_be_all_that_was_read(
    made: Sessions,
) -> None:
    """What the program read is put on record at the cell's end, behind what was made of it."""
    kernel = RunningKernel(made.workspace)
    reply = kernel.run(
        "import subprocess, pandas as pd\n"
        "pd.read_csv('towns.csv').to_csv('own.csv', index=False)\n"
        "pd.read_csv('own.csv').to_csv('own2.csv', index=False)\n"
        "subprocess.run('cut -d, -f2 biopsies.csv > program.csv', shell=True)\n"
        "pd.read_csv('program.csv').to_csv('program2.csv', index=False)"
    )
    assert reply.status == "ok", reply.error
    found = {Path(one.uri).name: (one.data_class, one.evidence) for one in kernel.of_last(Derived)}
    seen = {
        one.data_class for one in kernel.of_last(Access) if one.uri.endswith("/program.csv")
    } - {""}
    kernel.close()
    assert found["program.csv"] == ("health", "conservative")
    assert found["program2.csv"] == ("health", "conservative")
    assert seen == {"health"}
    assert found["own2.csv"] == ("public", "observed")


def test_the_next_session_reads_it_under_that_class_whoever_reads(made: Sessions) -> None:
    for way in BY_NATIVE_MEANS:
        status, seen = made.read(way, made.root / "small.csv")
        assert status == "ok", way
        assert {one.data_class for one in seen} == {"health"}, way


def test_it_stays_what_it_is_under_another_name_and_as_a_copy(made: Sessions) -> None:
    small = made.root / "small.csv"
    os.link(small, made.root / "hard.csv")
    (made.root / "copy.csv").write_bytes(small.read_bytes())
    for name in ("hard.csv", "copy.csv"):
        status, seen = made.read("another program", made.root / name)
        assert (status, {one.data_class for one in seen}) == ("ok", {"health"}), name


def test_who_may_not_say_so_cannot_make_it_public(made: Sessions) -> None:
    small = made.root / "small.csv"
    with pytest.raises(Refused, match="sam may not register small as public") as refused:
        register(made.workspace, small, "small", person="sam", data_class="public")
    assert "data-steward" in str(refused.value)
    last = Register.read(made.workspace).events[-1]
    assert isinstance(last, Decided)
    assert (last.person, last.outcome) == ("sam", "denied")
    found = register(made.workspace, small, "small", person="ada", data_class="public")
    assert found.version.made_from == ["biopsies@1"]
    below = downstream(made.workspace, "biopsies@1")
    assert set(below.versions) == {"biopsies@1", "small@1"}
    files = {Path(row["path"]).name for row in below.files}
    assert files >= {"small.csv", "mean.json", "part.parquet", "cut.csv"}
    assert not files & {"before.csv", "days.csv", "town.csv"}
    assert not any(row["changed_since"] for row in below.files)
    mean = made.root / "mean.json"
    was = mean.read_bytes()
    mean.write_bytes(b"[]")
    below = downstream(made.workspace, "biopsies@1")
    changed = {Path(row["path"]).name for row in below.files if row["changed_since"]}
    assert changed == {"mean.json"}
    mean.write_bytes(was)
    decision = access.decide(made.workspace, "read", str(small))
    assert (decision.dataset, decision.data_class) == ("small", "public")


def test_a_list_that_was_lost_is_made_anew_before_anything_is_read_or_registered(
    made: Sessions, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def said() -> set[tuple[str, str, str, str]]:
        every = derivations.read_all(made.workspace)
        return {(one.path, str(one.origins), one.data_class, one.sha256) for one in every}

    before = {one for one in said() if one[-1]}
    assert len(before) >= 5
    files = [row["path"] for row in downstream(made.workspace, "biopsies@1").files]
    made.workspace.derived.unlink()
    told = downstream(made.workspace, "biopsies@1").files
    assert [row["path"] for row in told] == files
    assert not made.workspace.derived.exists()  # a plan changes nothing
    assert restrictions.main(str(made.root)) == 0  # as every recorder asks before it begins
    assert before <= said()
    assert b"small.csv" not in capfdbinary.readouterr().err
    made.workspace.derived.unlink()
    (made.root / "again.csv").write_bytes((made.root / "part.parquet").read_bytes())
    with pytest.raises(Refused, match="sam may not register again as public"):
        register(
            made.workspace, made.root / "again.csv", "again", person="sam", data_class="public"
        )
    assert before <= said()
    one = derivations.read_all(made.workspace)[0]
    made.workspace.derived.unlink()
    derivations.add(made.workspace, [one])  # as a recorder that was there when it was lost
    assert before <= said()


def test_when_its_source_is_closed_it_is_closed_to_every_reader(made: Sessions) -> None:
    """The source is withdrawn: nobody opens what was made from it, by whatever means."""
    late = made.root / "late.csv"
    late.write_text("patient,age\n" + "\n".join(f"{n},{n % 90}" for n in range(70)) + "\n")
    register(made.workspace, late, "late", person="ada")
    assert made.reader.run("import pandas as pd; f = pd.read_csv('late.csv')").status == "ok"
    assert made.reader.run("f.head(50).to_csv('part.csv', index=False)").status == "ok"
    part = made.root / "part.csv"
    assert made.read("an unobserved library", part)[0] == "ok"
    (made.root / "twin.csv").write_bytes(part.read_bytes())
    secret = b"a passphrase of ada's"
    withdraw(made.workspace, "late@1", "ada", secret, "consent was withdrawn")
    for name, ways in {"part.csv": BY_NATIVE_MEANS, "twin.csv": BY_NATIVE_MEANS[:1]}.items():
        for way in ways:
            status, seen = made.read(way, made.root / name)
            assert status == "error", (name, way)
            denied = [one for one in seen if one.decision == "denied"]
            assert denied, (name, way)
            assert ("late", "health") in {(one.dataset, one.data_class) for one in denied}
    # but it can be made anew
    status = made.reader.run("open('part.csv', 'w').write('a,b')").status
    assert status == "ok"


def test_what_was_made_of_data_is_for_no_more_and_for_no_longer(made: Sessions) -> None:
    until = "2090-01-01"
    lent = made.root / "lent.csv"
    lent.write_text("patient,dose\n" + "\n".join(f"{n},{n % 60}" for n in range(80)) + "\n")
    narrow: dict[str, Any] = {"purposes": ["explore"], "retention_until": until}
    narrow["never_learn"] = ["patient"]
    register(made.workspace, lent, "lent", person="ada", **narrow)
    assert made.reader.run("import pandas as pd; lent = pd.read_csv('lent.csv')").status == "ok"
    assert made.reader.run("lent.head(60).to_csv('more.csv', index=False)").status == "ok"
    more = made.root / "more.csv"
    for wider, words in (
        ({"purposes": ["explore", "train"]}, "sam may not register more for train"),
        ({"retention_until": ""}, "sam may not register more without an end"),
        ({"retention_until": "2091-01-01"}, "sam may not register more until 2091-01-01"),
    ):
        with pytest.raises(Refused, match=words) as refused:
            register(made.workspace, more, "more", **{**narrow, **wider})
        assert "lent@1" in str(refused.value)
        assert "data-steward" in str(refused.value)
        last = Register.read(made.workspace).events[-1]
        assert isinstance(last, Decided)
        assert (last.person, last.outcome) == ("sam", "denied")
    assert register(made.workspace, more, "more", **narrow).new
    assert made.reader.run("lent.head(50).to_csv('most.csv', index=False)").status == "ok"
    most = made.root / "most.csv"
    assert register(made.workspace, most, "most", person="ada", retention_until="").new
