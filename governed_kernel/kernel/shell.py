"""The notebook's variables followed between statements, in ipykernel's own shell.

IPython executes a cell statement by statement. Two methods of the one shell object are followed,
rather than those of a class of our own: code that asks what shell it runs in finds ipykernel's.
"""

from __future__ import annotations

import ast
from typing import Any

from governed_kernel import capture

__all__ = ["follow_statements"]


def follow_statements(shell: Any) -> None:
    """Tell the observers of each top-level statement that `shell` executes, before and after."""
    run_ast_nodes, run_code = shell.run_ast_nodes, shell.run_code
    pending: tuple[ast.stmt, ...] = ()

    async def run_each(nodelist: list[ast.stmt], *args: Any, **options: Any) -> Any:
        nonlocal pending
        outer, pending = pending, tuple(nodelist)
        try:
            return await run_ast_nodes(nodelist, *args, **options)
        finally:
            pending = outer

    async def run_one(code_obj: Any, result: Any = None, *, async_: bool = False) -> Any:
        nonlocal pending
        if not pending:
            return await run_code(code_obj, result, async_=async_)
        statement, *rest = pending
        pending = tuple(rest)
        with capture.statement(statement, shell.user_ns):
            return await run_code(code_obj, result, async_=async_)

    shell.run_ast_nodes, shell.run_code = run_each, run_one
