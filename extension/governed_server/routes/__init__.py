"""The routes, one module a part of the interface; importing this declares them all."""

from governed_server.routes import (
    jobs,
    promotion,
    releases,
    runs,
    sessions,
    workspace,
)

__all__ = ["jobs", "promotion", "releases", "runs", "sessions", "workspace"]
