"""What can be said of a notebook from its text alone, before it may become a release.

The checks that need the record of its session are in `evidence`.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from governed_kernel.errors import UsageError
from governed_kernel.release.findings import Finding
from governed_kernel.release.notebook import Cell, Notebook, code_cells, tree_of
from governed_kernel.release.parameters import Parameter, read_schema
from governed_kernel.release.seeding import seeding_of

__all__ = ["check_sources", "check_text", "parameters_of", "suites_named"]

_ABSOLUTE = re.compile(r"^(?:/(?!/)[\w.\-]+(?:/[\w.\- ]+)+/?|~[/\\].+|[A-Za-z]:[\\/].+|file://.+)$")
_INSTALL = re.compile(
    r"(?m)^\s*[!%]+\s*(?:\S*python\S*\s+-m\s+)?(?:pip3?|uv|conda|mamba|poetry|apt(?:-get)?)\s+.*\binstall\b"
)
_INSTALL_CALL = re.compile(r"\bpip\b.*\binstall\b|\bconda\b.*\binstall\b")
_SHELL = re.compile(r"(?m)^\s*(?:!|%%(?:bash|sh|script|system|writefile|perl|ruby|javascript)\b)")

_TOLD = 5


def check_text(notebook: Notebook) -> list[Finding]:
    """Every finding about the notebook's own text, in the order of its cells."""
    return [*_kernel_order(code_cells(notebook)), *check_sources(notebook)]


def check_sources(notebook: Notebook) -> list[Finding]:
    """The findings about what its cells say, whether or not they were run: of a release, too."""
    cells = code_cells(notebook)
    checks: list[Callable[[Sequence[Cell]], Iterator[Finding]]] = [
        _parameters,
        _syntax,
        _absolute_paths,
        _installs,
        _shell,
        _secrets,
        _seed,
    ]
    return [finding for check in checks for finding in check(cells)]


def parameters_of(notebook: Notebook) -> list[Parameter]:
    """The schema of the notebook's ``parameters`` cell; empty when it has none."""
    tagged = [cell for cell in code_cells(notebook) if "parameters" in cell.tags]
    return read_schema(tagged[0].source) if tagged else []


def suites_named(notebook: Notebook) -> list[str]:
    """The suites that the notebook runs by ``validation.run("suites/…", …)``, in order."""
    named: list[str] = []
    for cell in code_cells(notebook):
        for call in _calls(tree_of(cell.source)):
            first = call.args[0] if call.args else None
            if _name_of(call.func).endswith("validation.run") and isinstance(first, ast.Constant):
                named.append(str(first.value))
    return list(dict.fromkeys(named))


def _found(code: str, cell: Cell | None, what: str, why: str, next: str, **more: str) -> Finding:
    place = f"{cell.label}: " if cell else ""
    return Finding(
        code=code,
        severity="warning" if more.get("severity") == "warning" else "blocking",
        what=place + what,
        why=why,
        next=next,
        cell_index=cell.index if cell else -1,
        cell_id=cell.cell_id if cell else "",
        subject=more.get("subject", ""),
    )


def _kernel_order(cells: Sequence[Cell]) -> Iterator[Finding]:
    for cell in cells:
        if cell.execution is None:
            yield _found(
                "cell-never-run",
                cell,
                "it was never run",
                "a release is promoted from what was seen to work",
                "restart the kernel, run all cells, save",
            )
        if any(output.get("output_type") == "error" for output in cell.outputs):
            yield _found(
                "cell-failed",
                cell,
                "its output is an error",
                "a release run stops at the first error",
                "mend it, restart the kernel, run all cells, save",
            )
    counts = [cell.execution for cell in cells]
    if None not in counts and counts != list(range(1, len(counts) + 1)):
        yield _found(
            "cells-out-of-order",
            None,
            "the cells were not run once, from first to last, in a fresh kernel",
            f"their execution counts are {', '.join(map(str, counts))}",
            "restart the kernel, run all cells, save",
        )


def _parameters(cells: Sequence[Cell]) -> Iterator[Finding]:
    tagged = [cell for cell in cells if "parameters" in cell.tags]
    if len(tagged) != 1:
        yield _found(
            "no-parameters-cell" if not tagged else "several-parameters-cells",
            tagged[1] if tagged else None,
            f"the notebook has {len(tagged) or 'no'} cells tagged 'parameters'",
            "an approval covers exactly the parameters of one tagged cell",
            "tag the cell that assigns them with 'parameters' (property inspector, cell tags)",
        )
        return
    cell = tagged[0]
    try:
        schema = read_schema(cell.source)
    except UsageError as error:
        yield _found("parameters-not-literal", cell, error.what, error.why, error.next)
        return
    for parameter in schema:
        if not parameter.is_bounded:
            example = "1..5" if parameter.type != "str" else "one of a, b"
            yield _found(
                "parameter-without-bounds",
                cell,
                f"parameter {parameter.name} has no bounds",
                "approving 'any value' would approve nothing",
                f"add a comment such as '# {example}: what it means' to its line",
            )


def _syntax(cells: Sequence[Cell]) -> Iterator[Finding]:
    for cell in cells:
        if tree_of(cell.source) is None:
            yield _found(
                "does-not-parse",
                cell,
                "it is not valid Python",
                "what can't be read can't be checked",
                "mend the cell",
            )


def _absolute_paths(cells: Sequence[Cell]) -> Iterator[Finding]:
    for cell in cells:
        for node in ast.walk(tree_of(cell.source) or ast.Module([], [])):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and _ABSOLUTE.match(node.value)
            ):
                yield _found(
                    "absolute-path",
                    cell,
                    f"it names the absolute path {node.value!r}",
                    "that path means nothing on another machine, and is outside what is approved",
                    "register the file and use data.load(NAME), or make the path relative",
                    subject=node.value,
                )


def _installs(cells: Sequence[Cell]) -> Iterator[Finding]:
    for cell in cells:
        called = any(
            _INSTALL_CALL.search(" ".join(_strings(call))) for call in _calls(tree_of(cell.source))
        )
        if called or _INSTALL.search(cell.source):
            yield _found(
                "installs-packages",
                cell,
                "it installs packages",
                "the environment is locked at promotion and approved with it",
                "install before starting the kernel, and remove the line",
            )


def _shell(cells: Sequence[Cell]) -> Iterator[Finding]:
    for cell in cells:
        if _SHELL.search(cell.source) and not _INSTALL.search(cell.source):
            yield _found(
                "shell-line",
                cell,
                "it runs a shell command",
                "what a shell does is recorded, but not down to columns",
                "use Python instead where you can; reviewers will be shown this",
                severity="warning",
            )


def _secrets(cells: Sequence[Cell]) -> Iterator[Finding]:
    for cell in cells:
        said = [str(output.get("text", "")) for output in cell.outputs]
        for place, text in (("source", cell.source), ("output", "\n".join(said))):
            for kind, line in _scan(text):
                yield _found(
                    "secret",
                    cell,
                    f"line {line} of its {place} looks like a secret ({kind})",
                    "a release is read by many and kept for years",
                    "remove it, change the secret, and read it from the environment instead",
                    subject=f"{place}:{line}",
                )


def _scan(text: str) -> list[tuple[str, int]]:
    """Kinds and line numbers of what looks like a secret; never the secret itself."""
    from detect_secrets.core.secrets_collection import SecretsCollection
    from detect_secrets.settings import transient_settings

    plugins = [
        {"name": name}
        for name in (
            "AWSKeyDetector",
            "AzureStorageKeyDetector",
            "BasicAuthDetector",
            "GitHubTokenDetector",
            "GitLabTokenDetector",
            "JwtTokenDetector",
            "KeywordDetector",
            "NpmDetector",
            "OpenAIDetector",
            "PrivateKeyDetector",
            "PypiTokenDetector",
            "SlackDetector",
            "StripeDetector",
        )
    ]
    if not text.strip():
        return []
    with tempfile.TemporaryDirectory() as folder, transient_settings({"plugins_used": plugins}):
        path = Path(folder, "cell.py")
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        secrets = SecretsCollection()
        secrets.scan_file(str(path))
        return sorted({(secret.type, secret.line_number) for _, secret in secrets})


def _seed(cells: Sequence[Cell]) -> Iterator[Finding]:
    found = seeding_of(cells)
    if not found.values:
        yield _found(
            "no-seed",
            None,
            "nothing seeds the random numbers",
            "without a seed no audit can get the same model again",
            "call training.seed_everything(seed) before any model or adapter is made, "
            "with 'seed' among the parameters",
        )
        return
    for draw in found.unseeded[:1]:
        others = dict.fromkeys(f"{each.call}()" for each in found.unseeded)
        yield _found(
            "no-seed",
            draw.cell,
            f"nothing seeds {', '.join(list(others)[:_TOLD])}",
            "what is seeded is another library's state, or another call; without a seed no audit "
            "can get the same model again",
            "give it a seed of its own (random_state=seed), or call training.seed_everything(seed) "
            "before it",
        )
    if not found.is_parameter:
        yield _found(
            "seed-not-a-parameter",
            None,
            "the seed is no parameter",
            "an approval should cover which seeds may be used",
            "add 'seed: int = 7  # 0..2147483647: …' to the parameters cell and pass it",
            severity="warning",
        )


def _calls(tree: ast.Module | None) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _strings(call: ast.Call) -> list[str]:
    return [
        node.value
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
