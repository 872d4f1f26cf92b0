"""Views inside of a notebook: live where the notebook can show widgets, a picture everywhere else.

>>> from governed_kernel import widgets
>>> widgets.lineage(frame)     # doctest: +SKIP
"""

from governed_kernel.widgets.lineage import LineageView, lineage

__all__ = ["LineageView", "lineage"]
