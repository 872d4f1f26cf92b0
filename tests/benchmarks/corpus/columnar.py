"""pyarrow, polars and DuckDB: files that native code opens."""

from __future__ import annotations

from .idiom import Expected, Idiom, group, reads, writes

__all__ = ["EXCLUDED", "IDIOMS"]

EXCLUDED = {
    "DuckDB httpfs, sqlite, postgres": "extensions are fetched from the internet when first used",
    "pl.scan_iceberg, pl.scan_delta": "they need pyiceberg or deltalake",
}
"""What is not among the idioms, and why."""


def _idiom(library: str, needs: str, name: str, source: str, *shows: Expected) -> Idiom:
    return Idiom(name, library, source, shows, needs=(needs,))


def _arrow(name: str, source: str, *shows: Expected) -> Idiom:
    return _idiom("pyarrow", "pyarrow", name, source, *shows)


def _polars(name: str, source: str, *shows: Expected, needs: tuple[str, ...] = ()) -> Idiom:
    return Idiom(name, "polars", source, shows, needs=("polars", *needs))


def _duckdb(name: str, source: str, *shows: Expected) -> Idiom:
    return _idiom("duckdb", "duckdb", name, source, *shows)


ARROW = group(
    "pyarrow",
    Idiom(
        "pyarrow.parquet.read_table",
        "pyarrow",
        "import pyarrow.parquet as pq; pq.read_table('people.parquet')",
        (reads("people.parquet", via="pyarrow.*"),),
        needs=("pyarrow",),
        in_notes=True,
    ),
    _arrow(
        "pq.write_table",
        "import pyarrow.parquet as pq; pq.write_table(TABLE, 'out/arrow.parquet')",
        writes("out/arrow.parquet", via="pyarrow.*"),
    ),
    _arrow(
        "pq.ParquetFile",
        "import pyarrow.parquet as pq; pq.ParquetFile('people.parquet').read()",
        reads("people.parquet"),
    ),
    _arrow(
        "pq.read_metadata",
        "import pyarrow.parquet as pq; pq.read_metadata('people.parquet')",
        reads("people.parquet"),
    ),
    _arrow(
        "pq.read_schema",
        "import pyarrow.parquet as pq; pq.read_schema('people.parquet')",
        reads("people.parquet"),
    ),
    _arrow(
        "pq.ParquetWriter",
        """
        import pyarrow.parquet as pq
        with pq.ParquetWriter('out/writer.parquet', TABLE.schema) as writer:
            writer.write_table(TABLE)
        """,
        writes("out/writer.parquet"),
    ),
    Idiom(
        "pq.ParquetDataset",
        "pyarrow",
        "import pyarrow.parquet as pq; pq.ParquetDataset('partitioned').read()",
        (reads("partitioned/**/*.parquet"),),
        incidental=("file://*/partitioned",),
    ),
    Idiom(
        "pq.write_to_dataset",
        "pyarrow",
        "import pyarrow.parquet as pq\n"
        "pq.write_to_dataset(TABLE, 'out/arrow_dataset', partition_cols=['ward'])",
        (writes("out/arrow_dataset/**/*.parquet"),),
        needs=("pyarrow",),
        incidental=("file://*/out/arrow_dataset*",),
    ),
    Idiom(
        "pyarrow.dataset",
        "pyarrow",
        "import pyarrow.dataset as ds; ds.dataset('people.parquet').to_table()",
        (reads("people.parquet"),),
        needs=("pyarrow",),
        in_notes=True,
    ),
    Idiom(
        "pyarrow.dataset of a folder",
        "pyarrow",
        "import pyarrow.dataset as ds; ds.dataset('partitioned', partitioning='hive').to_table()",
        (reads("partitioned/**/*.parquet"),),
        incidental=("file://*/partitioned",),
    ),
    Idiom(
        "ds.write_dataset",
        "pyarrow",
        "import pyarrow.dataset as ds; ds.write_dataset(TABLE, 'out/written', format='parquet')",
        (writes("out/written/*.parquet"),),
        needs=("pyarrow",),
        incidental=("file://*/out/written*",),
    ),
    _arrow(
        "feather.read_table",
        "import pyarrow.feather as feather; feather.read_table('people.feather')",
        reads("people.feather"),
    ),
    _arrow(
        "feather.write_feather",
        "import pyarrow.feather as feather; feather.write_feather(TABLE, 'out/arrow.feather')",
        writes("out/arrow.feather"),
    ),
    _arrow(
        "pyarrow.csv.read_csv",
        "import pyarrow.csv; pyarrow.csv.read_csv('people.csv')",
        reads("people.csv"),
    ),
    _arrow(
        "pyarrow.csv.open_csv",
        "import pyarrow.csv; pyarrow.csv.open_csv('people.csv').read_all()",
        reads("people.csv"),
    ),
    _arrow(
        "pyarrow.csv.write_csv",
        "import pyarrow.csv; pyarrow.csv.write_csv(TABLE, 'out/arrow.csv')",
        writes("out/arrow.csv"),
    ),
    _arrow(
        "pyarrow.json",
        "import pyarrow.json; pyarrow.json.read_json('people.jsonl')",
        reads("people.jsonl"),
    ),
    _arrow(
        "pyarrow.orc",
        "import pyarrow.orc; pyarrow.orc.read_table('people.orc')",
        reads("people.orc"),
    ),
    _arrow(
        "pyarrow.orc, write",
        "import pyarrow.orc; pyarrow.orc.write_table(TABLE, 'out/arrow.orc')",
        writes("out/arrow.orc"),
    ),
    _arrow(
        "pa.memory_map",
        "import pyarrow as pa; pa.ipc.open_file(pa.memory_map('people.arrow')).read_all()",
        reads("people.arrow"),
    ),
    _arrow(
        "pa.OSFile",
        "import pyarrow as pa\nwith pa.OSFile('people.arrow') as file: file.read()",
        reads("people.arrow"),
    ),
    _arrow(
        "pa.OSFile, write",
        """
        import pyarrow as pa
        with pa.OSFile('out/os.arrow', 'wb') as file, pa.ipc.new_file(file, TABLE.schema) as writer:
            writer.write(TABLE)
        """,
        writes("out/os.arrow"),
    ),
    _arrow(
        "pa.input_stream",
        "import pyarrow as pa\nwith pa.input_stream('people.csv.gz') as file: file.read()",
        reads("people.csv.gz"),
    ),
    _arrow(
        "fs.LocalFileSystem",
        """
        import os
        from pyarrow import fs
        with fs.LocalFileSystem().open_input_file(os.path.abspath('people.csv')) as file:
            file.read()
        """,
        reads("people.csv", via="pyarrow.*"),
    ),
    _arrow(
        "fs.LocalFileSystem, write",
        """
        import os
        from pyarrow import fs
        with fs.LocalFileSystem().open_output_stream(os.path.abspath('out/fs.txt')) as file:
            file.write(b'x')
        """,
        writes("out/fs.txt", via="pyarrow.*"),
    ),
    Idiom(
        "fs.copy_files",
        "pyarrow",
        """
        import os
        from pyarrow import fs
        os.mkdir('out/copied')
        fs.copy_files(os.path.abspath('parts'), os.path.abspath('out/copied'))
        """,
        (reads("parts/*.txt"), writes("out/copied/*.txt")),
        incidental=("file://*/parts", "file://*/out/copied"),
        needs=("pyarrow",),
    ),
    needs=("pyarrow",),
)

POLARS = group(
    "polars",
    Idiom(
        "pl.read_csv",
        "polars",
        "pl.read_csv('people.csv')",
        (reads("people.csv"),),
        in_notes=True,
    ),
    _polars("pl.read_csv, gzip", "pl.read_csv('people.csv.gz')", reads("people.csv.gz")),
    _polars(
        "pl.read_csv of an open file",
        "pl.read_csv(open('people.csv', 'rb'))",
        reads("people.csv"),
    ),
    _polars("pl.read_parquet", "pl.read_parquet('people.parquet')", reads("people.parquet")),
    _polars("pl.read_ipc", "pl.read_ipc('people.arrow')", reads("people.arrow")),
    _polars("pl.read_json", "pl.read_json('people.json')", reads("people.json")),
    _polars("pl.read_ndjson", "pl.read_ndjson('people.jsonl')", reads("people.jsonl")),
    _polars("pl.read_avro", "pl.read_avro('people.avro')", reads("people.avro")),
    _polars(
        "pl.read_excel",
        "pl.read_excel('people.xlsx')",
        reads("people.xlsx"),
        needs=("fastexcel",),
    ),
    _polars(
        "pl.read_parquet_schema",
        "pl.read_parquet_schema('people.parquet')",
        reads("people.parquet"),
    ),
    Idiom(
        "pl.scan_parquet",
        "polars",
        "pl.scan_parquet('people.parquet').collect()",
        (reads("people.parquet"),),
        in_notes=True,
    ),
    Idiom(
        "pl.scan_csv, collected in another cell",
        "polars",
        "early_lazy.collect()",
        (reads("early-lazy.csv"),),
        before="early_lazy = pl.scan_csv('early-lazy.csv')",
    ),
    _polars(
        "pl.scan_parquet of many files",
        "pl.scan_parquet('partitioned/*/*.parquet').collect()",
        reads("partitioned/**/*.parquet"),
    ),
    _polars("pl.scan_csv", "pl.scan_csv('people.csv').collect()", reads("people.csv")),
    _polars("pl.scan_ndjson", "pl.scan_ndjson('people.jsonl').collect()", reads("people.jsonl")),
    _polars("pl.scan_ipc", "pl.scan_ipc('people.arrow').collect()", reads("people.arrow")),
    _polars(
        "pl.SQLContext",
        "pl.SQLContext(people=pl.scan_csv('people.csv')).execute('select * from people').collect()",
        reads("people.csv"),
    ),
    Idiom(
        "pl.read_database, sqlite3",
        "polars",
        "import sqlite3; pl.read_database('select * from people', sqlite3.connect('people.db'))",
        (reads("sqlite:people.db#people", kind="sql"),),
        incidental=("sqlite://*/people.db*", "file://*/people.db*"),
    ),
    _polars("pl.DataFrame.write_csv", "LAKE.write_csv('out/polars.csv')", writes("out/polars.csv")),
    _polars(
        "pl.DataFrame.write_parquet",
        "LAKE.write_parquet('out/polars.parquet')",
        writes("out/polars.parquet"),
    ),
    _polars(
        "pl.DataFrame.write_ipc", "LAKE.write_ipc('out/polars.arrow')", writes("out/polars.arrow")
    ),
    _polars(
        "pl.DataFrame.write_json", "LAKE.write_json('out/polars.json')", writes("out/polars.json")
    ),
    _polars(
        "pl.DataFrame.write_ndjson",
        "LAKE.write_ndjson('out/polars.jsonl')",
        writes("out/polars.jsonl"),
    ),
    _polars(
        "pl.DataFrame.write_avro", "LAKE.write_avro('out/polars.avro')", writes("out/polars.avro")
    ),
    Idiom(
        "pl.DataFrame.write_excel",
        "polars",
        "LAKE.write_excel('out/polars.xlsx')",
        (writes("out/polars.xlsx"),),
        needs=("xlsxwriter",),
        incidental=("file:///tmp/*",),
    ),
    _polars(
        "pl.LazyFrame.sink_parquet",
        "pl.scan_csv('people.csv').sink_parquet('out/sink.parquet')",
        reads("people.csv"),
        writes("out/sink.parquet"),
    ),
    _polars(
        "pl.LazyFrame.sink_csv",
        "pl.scan_parquet('people.parquet').sink_csv('out/sink.csv')",
        reads("people.parquet"),
        writes("out/sink.csv"),
    ),
    _polars(
        "pl.LazyFrame.sink_batches",
        "pl.scan_parquet('people.parquet').sink_batches(lambda batch: None)",
        reads("people.parquet"),
    ),
    needs=("polars",),
)

DUCKDB = group(
    "DuckDB",
    Idiom(
        "read_parquet in SQL",
        "duckdb",
        "import duckdb; duckdb.sql(\"select * from read_parquet('people.parquet')\").fetchall()",
        (reads("people.parquet"),),
        in_notes=True,
    ),
    Idiom(
        "duckdb.connect",
        "duckdb",
        "import duckdb\n"
        "with duckdb.connect('people.duckdb', read_only=True) as con:\n"
        "    con.execute('select * from people').fetchall()",
        (reads("duckdb:people.duckdb#people", kind="sql"),),
        incidental=("duckdb://*/people.duckdb*", "file://*/people.duckdb*"),
        in_notes=True,
    ),
    _duckdb(
        "a file's name for a table",
        "import duckdb; duckdb.sql(\"from 'people.csv'\").df()",
        reads("people.csv"),
    ),
    _duckdb(
        "duckdb.read_csv", "import duckdb; duckdb.read_csv('people.csv').df()", reads("people.csv")
    ),
    _duckdb(
        "duckdb.read_parquet",
        "import duckdb; duckdb.read_parquet('people.parquet').df()",
        reads("people.parquet"),
    ),
    _duckdb(
        "read_json in SQL",
        "import duckdb; duckdb.sql(\"select * from read_json('people.jsonl')\").fetchall()",
        reads("people.jsonl"),
    ),
    _duckdb(
        "many files in SQL",
        "import duckdb; duckdb.sql(\"from 'partitioned/*/*.parquet'\").fetchall()",
        reads("partitioned/**/*.parquet"),
    ),
    Idiom(
        "a relation made in an earlier cell",
        "duckdb",
        "early_relation.fetchall()",
        (reads("early-relation.csv"),),
        before="import duckdb; early_relation = duckdb.sql(\"from 'early-relation.csv'\")",
    ),
    Idiom(
        "ATTACH",
        "duckdb",
        """
        import duckdb
        con = duckdb.connect()
        con.sql("attach 'people.duckdb' as other (read_only)")
        con.sql('select * from other.people').fetchall()
        con.close()
        """,
        (reads("duckdb:people.duckdb#people", kind="sql"),),
        incidental=("duckdb://*/people.duckdb*", "file://*/people.duckdb*"),
    ),
    _duckdb(
        "COPY TO",
        "import duckdb; duckdb.sql(\"copy (select 1 as a) to 'out/duck.parquet'\")",
        writes("out/duck.parquet"),
    ),
    _duckdb(
        "COPY FROM",
        """
        import duckdb
        con = duckdb.connect()
        con.sql('create table people (id int, name text, age int, ward text)')
        con.sql("copy people from 'people.csv'")
        con.close()
        """,
        reads("people.csv"),
    ),
    Idiom(
        "EXPORT DATABASE",
        "duckdb",
        """
        import duckdb
        con = duckdb.connect()
        con.sql('create table a as select 1 as x')
        con.sql("export database 'out/exported'")
        con.close()
        """,
        (writes("out/exported/*"),),
        incidental=("file://*/out/exported*",),
    ),
    _duckdb(
        "DuckDBPyRelation.to_parquet",
        "import duckdb; duckdb.sql('select 1 as a').to_parquet('out/relation.parquet')",
        writes("out/relation.parquet"),
    ),
    _duckdb(
        "DuckDBPyRelation.to_csv",
        "import duckdb; duckdb.sql('select 1 as a').to_csv('out/relation.csv')",
        writes("out/relation.csv"),
    ),
    Idiom(
        "CREATE TABLE in a file",
        "duckdb",
        "import duckdb\n"
        "with duckdb.connect('out/made.duckdb') as con: con.sql('create table a as select 1 as x')",
        (writes("duckdb:out/made.duckdb#a", kind="sql"),),
        incidental=("duckdb://*/made.duckdb*", "file://*/made.duckdb*"),
    ),
    needs=("duckdb",),
)

IDIOMS = ARROW + POLARS + DUCKDB
