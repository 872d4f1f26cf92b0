"""Training loops of the user's own: many steps of an optimiser are one event of the record.

torch calls a hook after each step of any optimiser. When the statement in which the steps were
taken has ended, or the model is saved before, the models whose parameters the optimiser holds
become other models than before, made from what the statement mentioned.
"""

from __future__ import annotations

import weakref
from types import ModuleType
from typing import Any

from governed_kernel.capture.adapters.loaders import fed_by
from governed_kernel.capture.adapters.torch import owes, parameter_counts
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step, Unasked

__all__ = ["arm"]

_FACTS = ("lr", "weight_decay", "betas", "momentum", "eps")


class Training:
    """The steps of one optimiser since they were reported last."""

    def __init__(self, observation: Observation, optimizer: Any) -> None:
        self._observation = observation
        self._optimizer = weakref.ref(optimizer)
        self._facts = _facts(optimizer)
        self._parameters = {
            id(parameter) for group in optimizer.param_groups for parameter in group["params"]
        }
        self.steps = 0
        self.loaders: dict[str, Node] = {}
        """Those that gave batches which a step followed."""

    @property
    def optimizer(self) -> Any:
        """The optimiser, while it lives."""
        return self._optimizer()

    def report(self) -> None:
        """Put what has happened so far on record."""
        if not self.steps:
            return
        steps, self.steps = self.steps, 0
        models = self._models()
        step = Step(self._observation, Unasked("train", "torch"))
        mentioned = self._observation.variables.mentioned() if self._observation.variables else {}
        loaders, self.loaders = self.loaders, {}
        for node in loaders.values():
            owes(step, step.take(node), "TRANSFORMATION")
        known = {*loaders, *(node.entity for _, node in models)}
        for source in mentioned.values():
            if source.node.entity not in known and source.node.kind != "loader":
                step.product(("*",), source.node, source.columns, "TRANSFORMATION", "inferred")
        for _, node in models:
            owes(step, node, "TRANSFORMATION")
        step.facts = {"steps": steps, **self._facts}
        if models:
            step.facts |= parameter_counts(models[0][0])
        made = [
            (Node(self._observation.new_entity(), "model", ()), type(model).__name__)
            for model, _ in models
        ]
        if made:
            step.record(made)
        for (model, _), (node, _) in zip(models, made, strict=True):
            self._observation.registry.put(model, node)
        if made and (optimizer := self.optimizer) is not None:
            self._observation.registry.put(optimizer, made[0][0])  # its moments tell of the same

    def _models(self) -> list[tuple[Any, Node]]:
        """The models that hold the trained parameters, the outermost first."""
        registry, variables = self._observation.registry, self._observation.variables
        found = dict.fromkeys(map(_Same, (thing for thing, _ in registry.of_kind("model"))))
        for thing in variables.values() if variables else ():
            if callable(getattr(type(thing), "named_parameters", None)):
                found[_Same(thing)] = None
        models = [each.thing for each in found if self._holds(each.thing)]
        models.sort(key=lambda model: -sum(1 for _ in model.modules()))
        return [(model, self._node(model)) for model in models]

    def _node(self, model: Any) -> Node:
        known = self._observation.registry.get(model)
        if known is None:
            known = Node(self._observation.new_entity(), "model", ())
        return known

    def _holds(self, model: Any) -> bool:
        return any(id(parameter) in self._parameters for parameter in model.parameters())


class _Same:
    """A thing by its identity, whatever it compares equal to."""

    __slots__ = ("thing",)

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.thing is self.thing


def _facts(optimizer: Any) -> dict[str, Any]:
    group = optimizer.param_groups[0] if optimizer.param_groups else {}
    facts: dict[str, Any] = {"optimizer": type(optimizer).__name__}
    for name in _FACTS:
        value = group.get(name)
        if isinstance(value, (int, float)):
            facts[name] = value
        elif isinstance(value, tuple):
            facts[name] = [float(part) for part in value]
    return facts


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Count the steps of every optimiser."""
    state, pending = observation.state, observation.trainings

    def after_step(optimizer: Any, _arguments: Any, _options: Any) -> None:
        if state.call is not None:
            return  # a trainer, which is observed as a whole
        training = pending.get(id(optimizer))
        if training is None or training.optimizer is not optimizer:
            with observation.guarded("training"):
                training = pending[id(optimizer)] = Training(observation, optimizer)
        if not training.steps and observation.variables is not None:
            observation.variables.at_end(training.report)
        training.steps += 1
        if fed := fed_by(observation):
            training.loaders.update(fed)
            fed.clear()

    module.register_optimizer_step_post_hook(after_step)
