"""``governed doctor``."""

from __future__ import annotations

import click
import msgspec

from governed_kernel.cli.options import json_option, print_facts

__all__ = ["doctor"]


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Tell what this machine can do; exits with 1 when something needed is missing."""
    from governed_kernel.doctor import examine

    found = examine()
    print_facts([msgspec.to_builtins(item) for item in found], as_json, "This machine")
    return 1 if any(item.state == "missing" for item in found) else 0
