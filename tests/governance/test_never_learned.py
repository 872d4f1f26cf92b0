"""What a session makes of columns that no model may be made from is registered with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.errors import Refused
from governed_kernel.governance import keys
from governed_kernel.governance.pkcs8 import Cost
from governed_kernel.governance.register import Register
from governed_kernel.release.learned import forbidden
from governed_kernel.workspace import Workspace
from tests.governance.records import register, write_records
from tests.kernel.running import RunningKernel, home_of, make_workspace

CELLS = (
    "import pandas as pd, pickle, subprocess\ndf = pd.read_csv('biopsies.csv')",
    "df[['patient', 'shape']].to_csv('named.csv', index=False)",
    "df.assign(k=df['patient'] + 1).drop(columns='patient').to_csv('computed.csv', index=False)",
    "df[['size', 'shape']].assign(one=1).to_csv('clean.csv')",
    "df[['patient', 'size']].to_csv('headed.csv', index=False, header=['a', 'b'])",
    "subprocess.run(\"sed 's/patient/p/' biopsies.csv > copied.csv\", shell=True)",
    "copy = pd.read_csv('copied.csv')[['shape', 'p']]\n"
    "df[['size']].join(copy).to_csv('joined.csv', index=False)",
    "pd.read_csv('biopsies.csv', names=list('abcd'), header=0)[['a']].to_csv('n.csv', index=False)",
    "out = subprocess.run(['cut', '-d,', '-f1', 'biopsies.csv'], capture_output=True).stdout\n"
    "pd.DataFrame({'x': [int(i) for i in out.split()[1:]]}).to_csv('piped.csv', index=False)",
    "rows = df.drop_duplicates('patient').merge(df[['patient', 'size']], on='patient')\n"
    "rows.sort_values('patient')[['shape', 'size_y']].to_csv('chosen.csv', index=False)",
    "df[['size', 'shape']].to_csv('cell.csv', index=False)\n"
    "subprocess.run('paste -d, cell.csv biopsies.csv > x; mv x cell.csv', shell=True)",
    "df[['size', 'shape']].to_csv('then.csv', index=False)",
    "subprocess.run('cut -d, -f1,3 biopsies.csv | sed s/patient/size/ > then.csv', shell=True)",
    "pd.read_csv('then.csv').to_csv('of-then.csv', index=False)",
    "df[['size', 'shape']].to_csv('then.csv', index=False)",
    "subprocess.run('cp biopsies.csv first.csv; sed -i 1d first.csv', shell=True)",
    "df[['size', 'shape']].assign(n=1).to_csv('first.csv', index=False)\n"
    "subprocess.run('tail -n 2 first.csv', shell=True)",
    "subprocess.run('touch first.csv', shell=True)",
    "df[['size', 'malignant']].to_csv('after.csv', index=False)",
    "df.set_index('patient')[['size']].to_parquet('index.parquet')",
    "import duckdb\n"
    "duckdb.sql(\"copy (select row_number() over () as n, size from df) to 'd.csv'\")",
    "rows = df[['size']].set_axis((df['patient'] + 100).tolist())\n"
    "rows.to_csv('axis.csv')\nrows.to_parquet('axis.parquet')",
    "pickle.dump(df['patient'].tolist(), open('model.pkl', 'wb'))",
    "pickle.dump(df['size'].tolist(), open('sizes.pkl', 'wb'))",
)
MADE = "df[['size', 'shape']][:{}].to_csv({!r}, index=False)\n"
_TEXT = "(echo size,shape; tail -n {} biopsies.csv | cut -d, -f1,3)"
BEHIND = {
    "run.csv": f'subprocess.run("{_TEXT.format(30)} > run.csv", shell=True)',
    "system.csv": f'os.system("{_TEXT.format(31)} > system.csv")',
    "spawned.csv": f"""pid = os.posix_spawn(
    '/bin/sh', ['sh', '-c', "{_TEXT.format(32)} > spawned.csv"], dict(os.environ))
os.waitpid(pid, 0)""",
    "native.csv": """library = ctypes.CDLL(None)
library.fopen.restype = ctypes.c_void_p
file = library.fopen(b'native.csv', b'w')
lines = ['size,shape', *(f'{a},{b}' for a, b in zip(df['patient'], df['size']))]
library.fputs('\\n'.join(lines).encode(), ctypes.c_void_p(file))
library.fclose(ctypes.c_void_p(file))""",
    "replaced.csv": f"""os.system("{_TEXT.format(33)} > other")
os.replace('other', 'replaced.csv')""",
}
"""What a cell may do to the file that its step has written, with the columns that it wrote."""
BESIDE = f"""program = subprocess.Popen(
    'exec 3>>beside.csv; echo open; read go; {_TEXT.format(34)} >&3',
    shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
program.stdout.readline()
{MADE.format(1, "beside.csv")}program.communicate(b'go\\n')"""
"""A program that has the file open while the step writes it."""
HONEST = {
    "twice.csv": MADE.format(20, "twice.csv") * 2,
    "listed.csv": MADE.format(21, "listed.csv") + "os.system('ls; wc -l < listed.csv')",
    "handle.csv": "with open('handle.csv', 'w') as f:\n    df[['size']].to_csv(f, index=False)",
    "chunks.csv": "for at in range(0, 20, 10):\n"
    "    df[['size']][at:at + 10].to_csv('chunks.csv', mode='a', index=False, header=not at)",
    "worker.csv": "from concurrent.futures import ProcessPoolExecutor\n"
    "import multiprocessing\n"
    f"def part(_):\n    {MADE.format(22, 'worker.csv')}"
    "with ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as pool:\n"
    "    list(pool.map(part, [0]))",
}
LATER = (
    "import pandas as pd\npd.read_csv('computed.csv')[['k', 'size']].to_parquet('later.parquet')"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "COST", Cost(n=2**8, r=8, p=1))
        workspace = make_workspace(tmp_path_factory.mktemp("learned") / "workspace")
        patch.setenv("GOVERNED_HOME", str(home_of(workspace)))
        os.environ["GOVERNED_HOME"] = str(home_of(workspace))
        biopsies = write_records(workspace.root / "biopsies.csv")
        register(workspace, biopsies, person="ada", never_learn=["patient"])
        behind = (MADE.format(9, name) + code for name, code in BEHIND.items())
        imported = "import ctypes, os"
        for cells in ((*CELLS, imported, *behind, BESIDE, *HONEST.values()), (LATER,)):
            kernel = RunningKernel(workspace)
            for cell in cells:
                reply = kernel.run(cell)
                assert reply.status == "ok", reply.error
            kernel.close()
        text = (workspace.root / "after.csv").read_text()
        (workspace.root / "after.csv").write_text(text.replace("size", "patient"))
        yield workspace


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("named.csv", ["patient"]),
        ("computed.csv", ["k"]),
        ("clean.csv", []),
        ("headed.csv", ["a", "b"]),
        ("copied.csv", ["p", "size", "shape", "malignant"]),
        ("joined.csv", ["shape", "p"]),
        ("n.csv", ["a"]),
        ("piped.csv", ["x"]),
        ("chosen.csv", []),
        ("cell.csv", ["size", "shape", "patient", "malignant"]),
        ("of-then.csv", ["size", "shape"]),
        ("then.csv", []),
        ("first.csv", []),
        ("after.csv", ["patient", "malignant"]),
        ("index.parquet", ["patient"]),
        ("d.csv", []),
        ("axis.csv", [""]),
        ("axis.parquet", ["__index_level_0__"]),
        *((name, ["size", "shape"]) for name in (*BEHIND, "beside.csv")),
        *((name, []) for name in HONEST),
    ],
)
def test_each_column_that_goes_back_to_one_or_may_is_never_learned_either(
    place: Workspace, name: str, columns: list[str]
) -> None:
    path = place.root / name
    version = register(place, path, name.replace("_", "-"), person="ada").version
    assert version.made_from == ["biopsies@1"]
    assert version.never_learn == columns
    again = register(place, path, version.dataset, person="ada")
    assert (again.new, again.version) == (False, version)


def test_it_is_followed_through_the_sessions_before(place: Workspace) -> None:
    version = register(place, place.root / "later.parquet", "later", person="ada").version
    assert version.never_learn == ["k"]


def test_a_column_without_a_name_is_closed_by_what_readers_call_it(place: Workspace) -> None:
    (place.root / "nameless.csv").write_text(",size\n" + "".join(f"{n},1\n" for n in range(40)))
    register(place, place.root / "nameless.csv", "nameless", person="ada", never_learn=[""])
    kernel = RunningKernel(place)
    for cell in (
        "import pandas as pd, pickle\ndf = pd.read_csv('nameless.csv')",
        "df.rename(columns={'Unnamed: 0': 'n'}).to_csv('numbered.csv', index=False)",
        "pickle.dump(df['Unnamed: 0'].tolist(), open('numbers.pkl', 'wb'))",
    ):
        assert kernel.run(cell).status == "ok"
    kernel.close()
    version = register(place, place.root / "numbered.csv", "numbered", person="ada").version
    assert version.never_learn == ["n"]
    newest = max(path.name.partition(".")[0] for path in place.journals.iterdir())
    found = forbidden(place, Register.read(place), newest)
    assert {(item.output, item.column) for item in found} == {("numbers.pkl", "Unnamed: 0")}


def test_where_a_journal_is_gone_it_may_be_any_column(place: Workspace, tmp_path: Path) -> None:
    away = tmp_path / "journals"
    place.journals.rename(away)
    place.journals.mkdir()
    try:
        text = (place.root / "clean.csv").read_text()
        (place.root / "clean.csv").write_text(text + "60,1.0,1,1\n")
        version = register(place, place.root / "clean.csv", "lost", person="ada").version
    finally:
        place.journals.rmdir()
        away.rename(place.journals)
    assert version.never_learn == ["", "size", "shape", "one"]


def test_a_table_that_cannot_be_read_is_refused_in_words(place: Workspace) -> None:
    path = place.root / "named.csv"
    path.write_text("x" * 200_000 + "," + path.read_text())  # no field of CSV is so long
    with pytest.raises(Refused, match="odd can't be registered"):
        register(place, path, "odd", person="ada")


def test_what_is_no_table_is_refused_where_such_a_column_goes_into_it(place: Workspace) -> None:
    with pytest.raises(Refused, match="model can't be registered") as refused:
        register(place, place.root / "model.pkl", "model", person="ada")
    assert "of which patient must never be learned" in str(refused.value)
    sizes = register(place, place.root / "sizes.pkl", "sizes", person="ada").version
    assert sizes.never_learn == []
