"""pandas: every ``read_*`` and ``to_*`` that reaches outside the process."""

from __future__ import annotations

from .idiom import Expected, Idiom, group, reads, writes

__all__ = ["EXCLUDED", "IDIOMS"]

EXCLUDED = {
    "pd.read_clipboard, DataFrame.to_clipboard": "a kernel has no clipboard: it needs a desktop",
    "pd.read_iceberg, DataFrame.to_iceberg": "pyiceberg asks for a catalog service",
}
"""What is not among the idioms, and why."""


def _reader(call: str, name: str, *needs: str, title: str = "", **options: object) -> Idiom:
    method = call.partition("(")[0]
    return Idiom(
        title or f"pd.{method}",
        "pandas",
        f"pd.{call}",
        (reads(name, via="pandas.*"),),
        needs=needs,
        **options,  # type: ignore[arg-type]
    )


def _writer(call: str, *names: str, needs: tuple[str, ...] = (), title: str = "") -> Idiom:
    method = call.partition("(")[0]
    shows: tuple[Expected, ...] = tuple(writes(name, via="pandas.*") for name in names)
    return Idiom(title or f"DataFrame.{method}", "pandas", f"FRAME.{call}", shows, needs=needs)


READERS = group(
    "pandas: readers",
    _reader("read_csv('people.csv')", "people.csv", in_notes=True),
    _reader("read_csv('people.csv.gz')", "people.csv.gz", title="pd.read_csv, gzip"),
    _reader("read_csv('people.csv.zip')", "people.csv.zip", title="pd.read_csv, zip"),
    _reader("read_csv('people.tar.gz')", "people.tar.gz", title="pd.read_csv, tar"),
    _reader(
        "read_csv('people.csv', engine='pyarrow')",
        "people.csv",
        "pyarrow",
        title="pd.read_csv, pyarrow's engine",
    ),
    _reader(
        "read_csv('people.csv', memory_map=True)", "people.csv", title="pd.read_csv, memory_map"
    ),
    Idiom(
        "pd.read_csv of an open file",
        "pandas",
        "pd.read_csv(open('people.csv'))",
        (reads("people.csv"),),
    ),
    _reader(
        "concat(pd.read_csv('people.csv', chunksize=10))",
        "people.csv",
        title="pd.read_csv in chunks",
    ),
    _reader("read_table('people.tsv')", "people.tsv"),
    _reader("read_fwf('people.fwf')", "people.fwf"),
    _reader("read_json('people.json')", "people.json"),
    _reader("read_json('people.jsonl', lines=True)", "people.jsonl", title="pd.read_json, lines"),
    _reader("read_excel('people.xlsx')", "people.xlsx", "openpyxl"),
    _reader("read_excel('people.xls')", "people.xls", "xlrd", title="pd.read_excel, xls"),
    Idiom(
        "pd.ExcelFile",
        "pandas",
        "pd.ExcelFile('people.xlsx').parse()",
        (reads("people.xlsx"),),
        needs=("openpyxl",),
    ),
    _reader("read_html('people.html')", "people.html", "lxml"),
    _reader("read_xml('people.xml')", "people.xml", "lxml"),
    _reader("read_xml('people.xml', parser='etree')", "people.xml", title="pd.read_xml, etree"),
    _reader("read_parquet('people.parquet')", "people.parquet", "pyarrow", in_notes=True),
    Idiom(
        "pd.read_parquet, a folder",
        "pandas",
        "pd.read_parquet('partitioned')",
        (reads("partitioned/**/*.parquet"),),
        needs=("pyarrow",),
        incidental=("file://*/partitioned",),
    ),
    _reader("read_feather('people.feather')", "people.feather", "pyarrow", in_notes=True),
    _reader("read_orc('people.orc')", "people.orc", "pyarrow"),
    _reader("read_hdf('frame.h5')", "frame.h5", "tables"),
    Idiom(
        "pd.HDFStore",
        "pandas",
        "pd.HDFStore('frame.h5', 'r').close()",
        (reads("frame.h5"),),
        needs=("tables",),
    ),
    _reader("read_stata('people.dta')", "people.dta"),
    _reader("read_sas('people.xpt')", "people.xpt", "pyreadstat"),
    _reader("read_spss('people.sav')", "people.sav", "pyreadstat"),
    _reader("read_pickle('frame.pkl')", "frame.pkl"),
    Idiom(
        "pd.read_sql",
        "pandas",
        "import sqlite3; pd.read_sql('select * from people', sqlite3.connect('people.db'))",
        (reads("sqlite:people.db", via="pandas.*", kind="sql"),),
        incidental=("sqlite://*/people.db*", "file://*/people.db*"),
        in_notes=True,
    ),
    Idiom(
        "pd.read_sql_query, SQLAlchemy",
        "pandas",
        "pd.read_sql_query('select * from people', 'sqlite:///people.db')",
        (reads("sqlite:people.db", via="pandas.*", kind="sql"),),
        incidental=("sqlite://*/people.db*", "file://*/people.db*"),
        needs=("sqlalchemy",),
    ),
    Idiom(
        "pd.read_sql_table",
        "pandas",
        "pd.read_sql_table('people', 'sqlite:///people.db')",
        (reads("sqlite:people.db", via="pandas.*", kind="sql"),),
        incidental=("sqlite://*/people.db*", "file://*/people.db*"),
        needs=("sqlalchemy",),
    ),
    Idiom(
        "pd.read_csv of a URL",
        "pandas",
        "pd.read_csv(HTTP + '/people.csv')",
        (reads("{http}/people.csv", via="pandas.*", kind="http"),),
        incidental=("tcp://*",),
    ),
    Idiom(
        "pd.read_parquet of a URL",
        "pandas",
        "pd.read_parquet(HTTP + '/people.parquet')",
        (reads("{http}/people.parquet", via="pandas.*", kind="http"),),
        incidental=("tcp://*",),
        needs=("pyarrow",),
    ),
    needs=("pandas",),
)

WRITERS = group(
    "pandas: writers",
    _writer("to_csv('out/frame.csv')", "out/frame.csv"),
    _writer("to_csv('out/frame.csv.gz')", "out/frame.csv.gz", title="DataFrame.to_csv, gzip"),
    _writer("to_json('out/frame.json')", "out/frame.json"),
    _writer("to_parquet('out/frame.parquet')", "out/frame.parquet", needs=("pyarrow",)),
    Idiom(
        "DataFrame.to_parquet, partitioned",
        "pandas",
        "FRAME.to_parquet('out/partitioned', partition_cols=['ward'])",
        (writes("out/partitioned/**/*.parquet"),),
        needs=("pyarrow",),
        incidental=("file://*/out/partitioned*",),
    ),
    _writer("to_feather('out/frame.feather')", "out/frame.feather", needs=("pyarrow",)),
    _writer("to_orc('out/frame.orc')", "out/frame.orc", needs=("pyarrow",)),
    Idiom(
        "DataFrame.to_excel",
        "pandas",
        "FRAME.to_excel('out/frame.xlsx', engine='openpyxl')",
        (writes("out/frame.xlsx", via="pandas.*"),),
        needs=("openpyxl",),
        incidental=("file:///tmp/openpyxl*",),
    ),
    Idiom(
        "pd.ExcelWriter",
        "pandas",
        """
        with pd.ExcelWriter('out/two.xlsx', engine='xlsxwriter') as writer:
            FRAME.to_excel(writer, sheet_name='a')
        """,
        (writes("out/two.xlsx"),),
        needs=("xlsxwriter",),
        incidental=("file:///tmp/*",),
    ),
    _writer("to_hdf('out/frame.h5', key='a')", "out/frame.h5", needs=("tables",)),
    _writer("to_stata('out/frame.dta')", "out/frame.dta"),
    _writer("to_xml('out/frame.xml')", "out/frame.xml", needs=("lxml",)),
    _writer("to_html('out/frame.html')", "out/frame.html"),
    _writer("to_latex('out/frame.tex')", "out/frame.tex", needs=("jinja2",)),
    _writer("to_markdown('out/frame.md')", "out/frame.md", needs=("tabulate",)),
    _writer("to_string('out/frame.txt')", "out/frame.txt"),
    _writer("to_pickle('out/frame.pkl')", "out/frame.pkl"),
    _writer("name.to_csv('out/series.csv')", "out/series.csv", title="Series.to_csv"),
    Idiom(
        "DataFrame.to_sql",
        "pandas",
        "import sqlite3; FRAME.to_sql('a', sqlite3.connect('out/frame.db'))",
        (writes("sqlite:out/frame.db", via="pandas.*", kind="sql"),),
        incidental=("sqlite://*/out/frame.db*", "file://*/out/frame.db*"),
    ),
    needs=("pandas",),
)

IDIOMS = READERS + WRITERS
