"""Whose a name is, where a store knows several workspaces.

Names of datasets and releases, and paths on a machine, mean something within one workspace. Who
asks from a workspace (the variable ``home``) sees its own names as they are. A name of another
workspace is written ``WORKSPACE/NAME``, and what lies on another machine ``file://HOST/path``, as
RFC 8089 has it. What is reached over the network has one name for all.
"""

from __future__ import annotations

from governed_kernel.lineage.numbering import of_resource

__all__ = ["INTERNAL_VIEWS", "LOCAL", "named", "placed"]

_HOME = "coalesce(getvariable('home'), 0)"
LOCAL = r"^([a-z][a-z0-9+.-]*)://(localhost|127\.0\.0\.1|\[::1\])?(:[0-9]+)?/"
"""A URI that means something on one machine only: a path, a port of its own."""


def named(column: str) -> str:
    """A name of the workspace ``n`` as who asks sees it, as SQL."""
    return f"CASE WHEN n.home THEN {column} ELSE n.workspace_id || '/' || {column} END"


def placed(column: str) -> str:
    """A URI seen from a session of the workspace ``n`` as who asks sees it, as SQL."""
    elsewhere = f"regexp_replace({column}, '{LOCAL}', '\\1://' || n.host || '\\3/')"
    return f"CASE WHEN n.near THEN {column} ELSE {elsewhere} END"


INTERNAL_VIEWS: dict[str, str] = {
    # `near`: on the same machine as who asks, so that its paths are the same paths.
    "neighbours": f"""SELECT workspace_no, workspace_id, name, host,
            workspace_no = {_HOME} AS home,
            workspace_no = {_HOME} OR (host <> '' AND host = coalesce((SELECT any_value(host)
                FROM base.workspaces WHERE workspace_no = {_HOME}), '')) AS near
        FROM base.workspaces""",
    "named_resources": f"""SELECT entity_no, {placed("uri")} AS uri, kind, n.workspace_no,
            n.host
        FROM base.resources JOIN base.neighbours n
            ON n.workspace_no = {of_resource("entity_no")}""",
    "named_files": f"""SELECT {named("dataset")} AS dataset, version, path, sha256
        FROM base.dataset_files JOIN base.neighbours n USING (workspace_no)""",
    "named_parents": f"""SELECT {named("dataset")} AS dataset, version,
            {named("parent_dataset")} AS parent_dataset, parent_version, part
        FROM base.dataset_parents JOIN base.neighbours n USING (workspace_no)""",
    # Within a workspace, and beyond it: which write a read saw, and what that wrote.
    "links": """SELECT read_no, entity_no, write_no, entity_no AS source_no
        FROM base.continuations
        UNION ALL SELECT read_no, entity_no, write_no, source_no FROM base.crossings""",
}
"""Views of the schema ``base``: what the public ones and the graph are made with."""
