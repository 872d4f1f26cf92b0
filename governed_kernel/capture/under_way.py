"""What values within functions of the user's owe to, by the texts of those that are under way.

A step that runs in a function is given values whose names only that function knows: each is
followed through its text, and on to what its callers gave, up to the notebook's own statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from governed_kernel.capture.bringing import may_read
from governed_kernel.capture.completing import Before
from governed_kernel.capture.inside import Inside, Level, Look, inside
from governed_kernel.capture.leftovers import Source, Sources, add, asked_of, undivided
from governed_kernel.capture.lookup import Lookup
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.rebound import Rebound
from governed_kernel.capture.references import NONE, Made, Reference, extended, is_whole, opened
from governed_kernel.capture.registry import is_shared
from governed_kernel.capture.texts import Texts
from governed_kernel.capture.within import PARAMETER

__all__ = ["Owed", "UnderWay"]

_FRAMES = 3
"""From here to whoever asks for the values of a step."""


class Owed(NamedTuple):
    """What a value within a function owes to.

    Attributes
    ----------
    sources : dict of str to Source
        What is known of it.
    is_all : bool
        Whether that is all: no name can have brought in something else.
    reads : bool
        Whether what calls have read or made on the way may be in it as well.
    """

    sources: Sources
    is_all: bool
    reads: bool


class UnderWay:
    """Follows values through the functions that are under way.

    Parameters
    ----------
    observation : Observation
    namespace : dict
        The notebook's variables.
    look : Lookup
    rebound : Rebound
    text : Texts
        Of the statement that is executed.
    """

    def __init__(
        self,
        observation: Observation,
        namespace: dict[str, Any],
        look: Lookup,
        rebound: Rebound,
        text: Texts,
    ) -> None:
        self._observation = observation
        self._namespace = namespace
        self._look = look
        self._rebound = rebound
        self._text = text

    def owed(
        self, before: Before, argument: Any, names: frozenset[str] | None = None
    ) -> Owed | None:
        """What a value owes to (`Variables.inside`); None where no such function is under way."""
        look = Look(
            self._observation.is_user_file,
            self._observation.registry.get,
            self._observation.read_text,
            before.reading.statement,
            self._namespace,
            names,
        )
        found = inside(look, argument, _FRAMES)
        return None if found is None else self._followed(found, before)

    def _followed(self, found: Inside, before: Before) -> Owed:
        sources: Sources = {}
        is_all, reads = True, False
        pending = [
            (place, reference, not place, level.among)
            for place, level in enumerate(found.levels)
            for reference in level.owed
        ]
        seen = set(pending)
        while pending:
            place, reference, goes_in, among = pending.pop()
            level = found.levels[place]
            thing = level.thing(reference.name)
            is_handle = type(thing) in self._observation.handles
            reads |= goes_in and (is_handle or may_read(thing, reference.path))
            new: Iterable[Reference] = ()
            if level.is_notebook:
                known, lacks = list(before.gather([reference]).values()), goes_in
            else:
                known, lacks, new = self._within(found, level, reference, goes_in=goes_in)
            if place and any(is_whole(reference, each.node.columns) for each in known):
                known, lacks = [], goes_in  # a function of the user's may have taken any of it
            add(sources, undivided(self._observation.doings[-1], reference, known))
            self._observation.doings[-1].among.update(asked_of(reference, among, known))
            is_all &= not lacks
            asked = reference in among or opened(reference) in among
            around = frozenset(map(opened, new)) if asked else NONE
            further = {(place + 1, each, goes_in, around) for each in new} - seen
            seen |= further
            pending += further
        return Owed(sources, is_all, reads)

    def _within(
        self, found: Inside, level: Level, reference: Reference, *, goes_in: bool
    ) -> tuple[list[Source], bool, Iterable[Reference]]:
        """What is known of a reference, whether it may lead to more, and where to look further."""
        thing = level.thing(reference.name)
        is_told = found.writes_out(thing) or self._text.writes_out(thing)
        is_new = self._rebound.is_new(level.variables, reference.name, thing) and not is_told
        is_open = is_new or reference.name in level.gone or self._look.is_users(thing)
        known: list[Source] = []
        given = level.given.get(reference.name)
        if not is_open and not (given is not None and is_shared(thing)):
            known = list(self._look.of(thing, reference.path, by_any_name=True))
        if known:
            return known, False, ()
        if given is not None:
            made = Made(given)
            for step in reference.path:
                made = extended(made, step)
            return [], False, made.direct
        if is_open:  # what it stood for at first, or does within, is not known
            return [], goes_in, ()
        is_parameter = reference.name.startswith(PARAMETER)
        leads = goes_in and self._look.may_lead(reference.name, thing, reference.path)
        return [], not is_told and (is_parameter or leads), ()
