"""The REST routes of the JupyterLab extension: they translate, and nothing more.

Everything they do is done by `governed_kernel`; this is the only place that knows a web server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from governed_kernel import __version__

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__ = ["__version__"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "governed-notebooks"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "governed_server"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Add the routes to a Jupyter server, and keep its workspace's store up to date."""
    from governed_server.handlers import handlers
    from governed_server.offering import offer_research_only
    from governed_server.service import Service

    service = Service(server)
    server.web_app.settings["governed_service"] = service
    offer_research_only(server.kernel_spec_manager)
    server.web_app.add_handlers(".*$", handlers(server.web_app.settings["base_url"]))
    server.log.info("Governed Notebooks %s", __version__)
