"""Write ``wdbc.csv``: the Wisconsin diagnostic breast-cancer records that come inside scikit-learn.

Wolberg, Street, Mangasarian (1995), UCI Machine Learning Repository, https://doi.org/10.24432/C5DW2B,
CC BY 4.0. 569 fine-needle aspirates, each described by thirty measures of its cell nuclei.

Run it as ``python data/wdbc.py``; it always writes the same bytes, beside itself or where told.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import sys
from pathlib import Path

SOURCE_SHA256 = "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed"
"""Of ``breast_cancer.csv`` as scikit-learn has shipped it for years."""
MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
)
COLUMNS = [f"{kind}_{measure}" for kind in ("mean", "error", "worst") for measure in MEASURES]
DIAGNOSES = ("malignant", "benign")
"""By scikit-learn's number of the class."""


def source() -> bytes:
    """The bytes of scikit-learn's file, known by their digest."""
    found = importlib.util.find_spec("sklearn")
    if found is None or found.origin is None:
        sys.exit("scikit-learn is not installed: pip install 'governed-notebooks[demo]'")
    path = Path(found.origin).parent / "datasets" / "data" / "breast_cancer.csv"
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != SOURCE_SHA256:
        sys.exit(f"{path} is not the file this was written for: SHA-256 {digest}")
    return data


def table(data: bytes) -> str:
    """The records as CSV, with a number for each, the diagnosis, and names that say what is meant.

    Values are copied as they are written in the source, so nothing is rounded.
    """
    rows = csv.reader(io.StringIO(data.decode()))
    records = int(next(rows)[0])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["record_id", "diagnosis", *COLUMNS])
    written = 0
    for number, (*values, kind) in enumerate(rows, 1):
        writer.writerow([f"wdbc-{number:03d}", DIAGNOSES[int(kind)], *values])
        written = number
    if written != records:
        sys.exit(f"{records} records were announced, {written} found")
    return out.getvalue()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("wdbc.csv")
    text = table(source())
    target.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{target}: {text.count(chr(10)) - 1} records\n")
