"""How a record of measurements becomes a text that a language model can read.

Each measure is put into one of five words by the quintiles of the training records:
``radius very high. texture low. …``. The quintiles are learnt once, on the training records alone,
and travel with the adapter; whoever uses the adapter must read records in the same way.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

WORDS = ("very low", "low", "medium", "high", "very high")
PREFIX = "worst_"
"""Of the measures used: the mean of the three largest nuclei of an image."""


def learn_thresholds(train: pd.DataFrame) -> dict[str, list[float]]:
    """The four limits between the five words, for each measure, from training records."""
    worst = train[[name for name in train.columns if name.startswith(PREFIX)]]
    limits = worst.quantile([0.2, 0.4, 0.6, 0.8])
    return {name: [float(limit) for limit in limits[name]] for name in limits.columns}


def in_words(frame: pd.DataFrame, thresholds: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """The measures of each record as words, one column a measure."""
    words = pd.DataFrame(index=frame.index)
    for name, limits in thresholds.items():
        edges = [float("-inf"), *limits, float("inf")]
        words[name] = pd.cut(frame[name], edges, right=False, labels=list(WORDS)).astype(str)
    return words


def describe(words: pd.DataFrame) -> pd.Series[str]:
    """One text a record, one sentence a measure, in the order of the columns."""
    first, *others = words.columns
    texts = spoken(first) + " " + words[first] + "."
    for name in others:
        texts = texts + " " + spoken(name) + " " + words[name] + "."
    return texts


def spoken(name: str) -> str:
    """A column's name as it is said: ``worst_concave_points`` → ``concave points``."""
    return name.removeprefix(PREFIX).replace("_", " ")


def in_varied_order(texts: Sequence[str], seed: int) -> list[str]:
    """The same texts, each with its sentences in an order of its own.

    The order of the measures means nothing, so the model should not learn it.
    """
    varied = []
    for number, text in enumerate(texts):
        sentences = text.removesuffix(".").split(". ")
        random.Random(f"{seed}:{number}").shuffle(sentences)  # noqa: S311 (nothing is secret)
        varied.append(". ".join(sentences) + ".")
    return varied


def reading(thresholds: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What must travel with an adapter so that records are read as in training."""
    # A list, because canonical JSON sorts the keys of an object: the texts would change.
    measures = [
        {"column": name, "said": spoken(name), "limits": list(limits)}
        for name, limits in thresholds.items()
    ]
    return {"words": list(WORDS), "measures": measures}
