"""Rows of a store in the place of others, so that nothing goes that need not go."""

from __future__ import annotations

import duckdb

__all__ = ["Removing", "replace_rows"]


class Removing(Exception):
    """Rows have to go, and whoever began the transaction did so to add some only."""

    @staticmethod
    def check(connection: duckdb.DuckDBPyConnection) -> None:
        """Raise it where a connection may not remove rows (``SET VARIABLE adding = true``)."""
        if connection.execute("SELECT coalesce(getvariable('adding'), false)").fetchone() == (
            True,
        ):
            raise Removing


def replace_rows(
    connection: duckdb.DuckDBPyConnection, table: str, fresh: str, condition: str
) -> None:
    """Put the rows of `fresh` in the place of those that meet `condition`, by what differs.

    Mostly nothing has to go, and who removes nothing gets in nobody's way.
    """
    kept = f"(SELECT * FROM base.{table} WHERE {condition})"
    gone = f"(SELECT * FROM {kept} EXCEPT SELECT * FROM {fresh})"
    if connection.execute(f"SELECT 1 FROM {gone} LIMIT 1").fetchone():
        Removing.check(connection)
        connection.execute(f"DELETE FROM base.{table} WHERE {condition}")
        connection.execute(f"INSERT INTO base.{table} SELECT * FROM {fresh} ORDER BY ALL")
    else:
        connection.execute(
            f"INSERT INTO base.{table} SELECT * FROM {fresh} EXCEPT SELECT * FROM {kept} "
            "ORDER BY ALL"
        )
