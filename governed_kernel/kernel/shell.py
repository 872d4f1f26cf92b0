"""What happens between a cell's announcement and its statements, in ipykernel's own shell.

IPython executes a cell statement by statement. Two methods of the one shell object are followed,
rather than those of a class of our own: code that asks what shell it runs in finds ipykernel's.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from governed_kernel import capture
from governed_kernel.errors import GovernedError
from governed_kernel.kernel.link import RecorderLink

if TYPE_CHECKING:
    from governed_kernel.capture.readings import Reading

__all__ = ["follow_statements", "hooks_of", "wait_for_record"]

_EVENTS = ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell")


def wait_for_record(shell: Any, link: RecorderLink) -> None:
    """Have `shell` run a cell's code only when the cell's start is on record.

    The recorder writes it down while the code is read and compiled. A refusal is raised again by
    `RecorderLink.end`.
    """
    run_ast_nodes = shell.run_ast_nodes

    async def run_recorded(*args: Any, result: Any = None, **options: Any) -> Any:
        try:
            link.confirm()
        except GovernedError as error:
            if result is not None:
                result.error_in_exec = error
            return True
        return await run_ast_nodes(*args, result=result, **options)

    shell.run_ast_nodes = run_recorded


def hooks_of(shell: Any) -> tuple[Any, ...]:
    """What `shell` calls around a cell besides the cell's own code."""
    if shell is None:
        return ()
    transformers = shell.input_transformer_manager
    return (
        *(hook for event in _EVENTS for hook in shell.events.callbacks[event]),
        *transformers.cleanup_transforms,
        *transformers.line_transforms,
        *transformers.token_transformers,
        *shell.input_transformers_post,
        *shell.ast_transformers,
    )


def follow_statements(shell: Any) -> None:
    """Tell the observers of each top-level statement that `shell` executes, before and after.

    A cell's statements are read while the recorder writes down that the cell begins: so it follows
    `wait_for_record`.
    """
    run_ast_nodes, run_code = shell.run_ast_nodes, shell.run_code
    pending: list[Reading | ast.stmt] = []

    async def run_each(nodelist: list[ast.stmt], *args: Any, **options: Any) -> Any:
        nonlocal pending
        outer, pending = pending, capture.read(nodelist)
        try:
            return await run_ast_nodes(nodelist, *args, **options)
        finally:
            pending = outer

    async def run_one(code_obj: Any, result: Any = None, *, async_: bool = False) -> Any:
        nonlocal pending
        if not pending:
            return await run_code(code_obj, result, async_=async_)
        statement, *rest = pending
        pending = rest
        with capture.statement(statement, shell.user_ns):
            return await run_code(code_obj, result, async_=async_)

    shell.run_ast_nodes, shell.run_code = run_each, run_one
