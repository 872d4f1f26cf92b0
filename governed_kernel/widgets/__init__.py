"""Views inside of a notebook: live where the notebook can show them, a picture everywhere else.

>>> from governed_kernel import widgets
>>> widgets.lineage(frame)     # doctest: +SKIP
>>> widgets.evaluation(validation.run("suites/biopsy", predict))     # doctest: +SKIP
"""

from governed_kernel.widgets.evaluation import EvaluationView, evaluation
from governed_kernel.widgets.lineage import LineageView, lineage

__all__ = ["EvaluationView", "LineageView", "evaluation", "lineage"]
