"""The routes, one module a part of the interface; importing this declares them all."""

from governed_server.routes import (
    audit,
    catalog,
    deployments,
    jobs,
    lineage,
    promotion,
    questions,
    releases,
    runs,
    sessions,
    validation,
    workspace,
)

__all__ = [
    "audit",
    "catalog",
    "deployments",
    "jobs",
    "lineage",
    "promotion",
    "questions",
    "releases",
    "runs",
    "sessions",
    "validation",
    "workspace",
]
