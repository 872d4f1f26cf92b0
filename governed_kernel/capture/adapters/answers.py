"""What models answer: ``model(**tokens)``, ``model.generate(…)``, ``pipeline(…)(texts)``.

A class is observed from the first of its models on that is known: that was loaded, or got an
adapter. While gradients are computed a model learns: its answers are part of the training, which
is one event. Inside a trainer they are the trainer's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governed_kernel.capture.adapters.torch import owes
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.steps import Step

__all__ = ["follow", "generated", "piped", "put_tensors"]

_MOST_PARTS = 50


def follow(observation: Observation, model: Any) -> None:
    """From now on see what models of that class answer."""
    owner = type(model)
    if owner not in _followed and callable(getattr(owner, "forward", None)):
        from torch.nn.modules import module

        _followed.add(owner)
        observe(
            observation,
            "transformers",
            owner,
            "forward",
            _answered,
            label="predict",
            behind=module.__file__,
        )


_followed: set[type] = set()


def put_tensors(observation: Observation, result: Any) -> None:
    """Let the tensors in a result be what the result is."""
    node = observation.registry.get(result)
    if node is not None:
        for tensor in _tensors(result):
            observation.registry.put(tensor, node._replace(kind="array"))


def _tensors(thing: Any) -> Iterator[Any]:
    """Tensors, also in the dictionaries and lists that models take and give."""
    if hasattr(thing, "numel"):
        yield thing
        return
    parts = getattr(thing, "values", None)
    held = parts() if callable(parts) else thing if isinstance(thing, (list, tuple)) else ()
    for part in list(held)[:_MOST_PARTS]:
        yield from _tensors(part)


def _answered(observation: Observation, observed: Observed) -> None:
    import torch

    model = observed.subject
    if observation.registry.get(model) is None or (model.training and torch.is_grad_enabled()):
        return
    _record(observation, observed)


def generated(observation: Observation, observed: Observed) -> None:
    """``model.generate(**tokens)``."""
    if observation.registry.get(observed.subject) is not None:
        _record(observation, observed)


def _record(observation: Observation, observed: Observed) -> None:
    """The answer of a model owes to the model and to what it was asked."""
    step = Step(observation, observed)
    # Its node as it is: a training that goes on is told of when its statement has ended.
    owes(step, step.node(observed.subject, "model", ()), "TRANSFORMATION")
    for name, given in observed.arguments.items():
        for tensor in _tensors(given) if name != "self" else ():
            node = observation.registry.get(tensor)
            if node is None:
                step.open()
            elif node.entity not in step.inputs:
                owes(step, node, "TRANSFORMATION")
    step.finish(observed.result, "array", ())
    put_tensors(observation, observed.result)


def piped(observation: Observation, observed: Observed) -> None:
    """``pipeline(…)(texts)``: by its model and its tokenizer."""
    pipeline = observed.subject
    known = observation.registry.get(pipeline.model)
    if known is None:
        return
    step = Step(observation, observed)
    owes(step, step.take(known), "TRANSFORMATION")
    tokenizer = observation.registry.get(pipeline.tokenizer)
    if tokenizer is not None:
        owes(step, step.take(tokenizer), "TRANSFORMATION")
    asked = observation.registry.get(observed["inputs"])
    if asked is None:
        step.open()
    else:
        owes(step, asked, "TRANSFORMATION")
    step.finish(observed.result, "value", ())
