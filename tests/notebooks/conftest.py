from __future__ import annotations

import pandas as pd
import pytest

from tests.notebooks.example import module, records


@pytest.fixture(scope="session")
def wdbc(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return records(tmp_path_factory.mktemp("wdbc"))


@pytest.fixture(scope="session")
def parts(wdbc: pd.DataFrame) -> dict[str, pd.DataFrame]:
    divided: dict[str, pd.DataFrame] = module("splits/by_diagnosis.py").split(wdbc)
    return divided
