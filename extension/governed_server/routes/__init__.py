"""The routes, one module a part of the interface; importing this declares them all."""

from governed_server.routes import (
    catalog,
    jobs,
    lineage,
    promotion,
    releases,
    runs,
    sessions,
    workspace,
)

__all__ = [
    "catalog",
    "jobs",
    "lineage",
    "promotion",
    "releases",
    "runs",
    "sessions",
    "workspace",
]
