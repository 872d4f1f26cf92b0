"""torch's data loaders: which dataset each batch comes from, and which loaders fed a training.

A dataset of torch's own (`TensorDataset`, `Subset`, `ConcatDataset`, `random_split`) holds what it
was given as it is. One of the user's own makes its items of what it holds: that is inferred.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from governed_kernel.capture.adapters.torch import dataset_node, owes
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step

__all__ = ["arm", "fed_by"]

_MOST_PARTS = 50


def fed_by(observation: Observation) -> dict[str, Node]:
    """The loaders that gave batches since they were asked for last, and are still to be told."""
    found: dict[str, Node] = observation.__dict__.setdefault("_fed", {})
    return found


def _held(dataset: Any) -> Iterator[Any]:
    """What one of torch's own datasets is made of."""
    name = type(dataset).__name__
    if not type(dataset).__module__.startswith("torch.utils.data"):
        return
    if name == "TensorDataset":
        yield from dataset.tensors
    elif name == "Subset":
        yield dataset.dataset
    elif name in ("ConcatDataset", "StackDataset", "ChainDataset"):
        held = dataset.datasets
        yield from held.values() if isinstance(held, dict) else held


def source_of(step: Step, dataset: Any) -> Node:
    """The node of a dataset, with what it was made of."""
    registry = step.observation.registry
    known = registry.get(dataset)
    held = list(_held(dataset))
    if known is not None and (known.kind == "dataset" or not held):
        return step.take(known)
    if not held:
        return dataset_node(step, dataset)
    making = Step(step.observation, step.observed)
    making.operation = f"torch.{type(dataset).__name__}"
    for thing in held:
        node = registry.get(thing)
        if node is None and type(thing).__module__ != "torch":
            node = source_of(making, thing)
        if node is not None:
            owes(making, making.take(node), "IDENTITY")
        else:
            making.open()
    made = making.finish(dataset, "dataset", (), patient=True)
    return step.take(made)


def loader(observation: Observation, observed: Observed) -> None:
    """``DataLoader(dataset)``: its batches will be rows of the dataset."""
    subject, dataset = observed.subject, observed["dataset"]
    if dataset is None or observed.call.outer is not None:
        return
    observed.operation = "torch.DataLoader"
    step = Step(observation, observed)
    owes(step, source_of(step, dataset), "IDENTITY")
    if isinstance(size := observed["batch_size"], int):
        step.facts["batch_size"] = size
    if hasattr(dataset, "__len__"):
        step.facts["rows"] = len(dataset)
    step.finish(subject, "loader", (), patient=True)


def begin(observation: Observation, observed: Observed) -> None:
    """``iter(loader)``."""
    node = observation.registry.get(observed.subject)
    if node is not None:
        observation.registry.put(observed.result, node)


def batch(observation: Observation, observed: Observed) -> None:
    """One batch: the loader's, with all its parts."""
    import torch

    node = observation.registry.get(observed.subject)
    if node is None:
        return
    for part in _parts(observed.result):
        observation.registry.put(part, node._replace(kind="array"))
    if torch.is_grad_enabled():
        fed_by(observation)[node.entity] = node


def _parts(batch: Any) -> Iterator[Any]:
    if hasattr(batch, "numel"):
        yield batch
    elif isinstance(batch, dict):
        for part in list(batch.values())[:_MOST_PARTS]:
            yield from _parts(part)
    elif isinstance(batch, (list, tuple)):
        for part in batch[:_MOST_PARTS]:
            yield from _parts(part)


def divided(observation: Observation, observed: Observed) -> None:
    """``random_split(dataset, …)``: rows go one way or the other, by chance."""
    for number, part in enumerate(observed.result):
        step = Step(observation, observed)
        owes(step, source_of(step, observed["dataset"]), "IDENTITY")
        step.finish(part, "dataset", (), variant=str(number), patient=True)


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe loaders, or what divides datasets."""
    if name.endswith("dataset"):
        label = "torch.random_split"
        observe(observation, "torch", module, "random_split", divided, label=label)
        return
    iterator = module._BaseDataLoaderIter
    observe(observation, "torch", module.DataLoader, "__init__", loader, label="torch.DataLoader")
    for owner, method, rule in (
        (module.DataLoader, "__iter__", begin),
        (iterator, "__next__", batch),
    ):
        # A trainer's own loaders are no event of the notebook's; its batches are never looked at.
        observe(observation, "torch", owner, method, rule, label=f"torch.DataLoader.{method}")
