"""``data_card.croissant.json``: the data of a release for tools, as Croissant 1.0.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html; the context is the one that the
specification asks to be copied. The data itself is not in a bundle: digests say which it was.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from governed_kernel.lineage.events import FileDigest
from governed_kernel.release.account import NOT_STATED, Account, Material

__all__ = ["croissant"]

_TERMS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject"),
    *("fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField"),
    *("path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
    *("separator", "source", "subField", "transform"),
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}


def croissant(account: Account) -> dict[str, Any]:
    """One Croissant dataset, with every file of every version that the release is made from."""
    data = account.data()
    stated = sorted({item.version.licence for item in data if item.version.licence})
    name, _, version = account.bound.release.partition("@")
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"data-of-{name}",
        "description": "; ".join(_described(item) for item in data) or NOT_STATED,
        "license": stated or [NOT_STATED],
        "url": f"urn:governed-notebooks:release:{account.release.digest}",
        "version": f"{version}.0.0",
        "datePublished": f"{account.ended_at:%Y-%m-%d}",
        "distribution": [_file(item, file) for item in data for file in item.version.files],
    }


def _described(material: Material) -> str:
    version = material.version
    rows = f"{version.rows} rows, " if version.rows >= 0 else ""
    return (
        f"{material.name} ({material.role}): {rows}class {version.data_class}, "
        f"owner {version.owner}, legal basis {version.legal_basis or NOT_STATED}, "
        f"licence {version.licence or NOT_STATED}"
    )


def _file(material: Material, file: FileDigest) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{material.name}/{file.path}",
        "name": file.path,
        "description": f"of {material.name}, {material.role}",
        "contentSize": f"{file.bytes} B",
        "contentUrl": material.version.source,
        "encodingFormat": _FORMATS.get(PurePosixPath(file.path).suffix, _UNKNOWN),
        "sha256": file.sha256,
    }


_UNKNOWN = "application/octet-stream"
_FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".parquet": "application/x-parquet",
    ".txt": "text/plain",
}
"""What Python's `mimetypes` tells depends on the machine."""
