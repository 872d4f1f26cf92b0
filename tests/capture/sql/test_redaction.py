"""No secret of a statement comes into the record."""

from __future__ import annotations

import pytest

from governed_kernel.capture.sql import without_secrets

HIDDEN = "hunter2"


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE SECRET s (TYPE s3, KEY_ID 'hunter2', SECRET 'hunter2', REGION 'eu')",
        "create or replace persistent secret if not exists s in local_file "
        "(type postgres, host 'h', password 'hunter2')",
        "CREATE SECRET (TYPE http, BEARER_TOKEN = 'hunter2')",
        "CREATE SECRET (TYPE http, EXTRA_HTTP_HEADERS MAP {'Authorization': 'Bearer hunter2'})",
        "ATTACH 'dbname=x user=y password=hunter2 host=h' AS p (TYPE postgres)",
        "ATTACH 'postgresql://me:hunter2@h/x' AS p",
        "ATTACH 'e.db' AS e (ENCRYPTION_KEY 'hunter2')",
        "SET s3_secret_access_key = 'hunter2'",
        "SET GLOBAL s3_access_key_id='hunter2'; SELECT 1",
        "SET azure_storage_connection_string TO 'AccountName=x;AccountKey=hunter2;Suffix=y'",
        "PRAGMA add_parquet_key('k', 'hunter2')",
        "SELECT * FROM 'https://h/x.parquet?X-Amz-Signature=hunter2&x=1'",
        "SELECT * FROM read_csv('s3://b/x.csv?s3_access_key_id=hunter2')",
        "FROM postgres_scan('host=h password=hunter2', 'public', 't')",
        "FROM postgres_query('host=h password=''hunter2''', 'select 1')",
    ],
)
def test_a_secret_is_left_out(sql: str) -> None:
    assert HIDDEN not in without_secrets(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT key, token FROM t WHERE secret > 3",
        "CREATE TABLE secrets AS SELECT 'a' AS secret_name",
        "SELECT * FROM 'https://h/x.parquet'",
        "SET threads = 4",
    ],
)
def test_what_is_no_secret_stays(sql: str) -> None:
    assert without_secrets(sql) == sql


def test_what_kind_of_secret_it_was_stays() -> None:
    kept = without_secrets("CREATE SECRET s (TYPE s3, KEY_ID 'hunter2', SCOPE 's3://bucket')")
    assert "TYPE s3" in kept
    assert "s3://bucket" in kept
