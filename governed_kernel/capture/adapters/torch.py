"""torch: ``torch.load`` and ``torch.save``, and what is told of models and datasets."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.openings import observe_native_opening, observe_opening
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.capture.transfers import announce, complete
from governed_kernel.lineage.events import Evidence, Relation

__all__ = ["arm", "dataset_node", "model_node", "owes", "parameter_counts"]


def parameter_counts(model: Any) -> dict[str, int]:
    """Number of all and of trainable parameters of a ``torch.nn.Module``."""
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return {
        "parameters": sum(count for count, _ in counts),
        "trainable_parameters": sum(count for count, trainable in counts if trainable),
    }


def model_node(step: Step, model: Any) -> Node:
    """The node of a model as it is now; the column ``*`` of what is made of it owes to it."""
    for training in list(step.observation.trainings.values()):
        training.report()
    return step.take(step.node(model, "model", ()))


def owes(step: Step, node: Node, relation: Relation, evidence: Evidence = "observed") -> None:
    """Let what comes out, as a whole, owe to a thing as a whole."""
    step.product(("*",), node, node.columns or ("*",), relation, evidence)


def dataset_node(step: Step, dataset: Any) -> Node:
    """The node of a dataset object, with what it holds among the things that are known.

    A dataset is the user's own class: that its items are made of what it holds is inferred.
    """
    known = step.observation.registry.get(dataset)
    if known is not None:
        return step.take(known)
    node = step.node(dataset, "dataset", ())
    making = Step(step.observation, step.observed)
    making.operation = f"holds: {type(dataset).__name__}"
    held = list(getattr(dataset, "__dict__", {}).values())
    for value in [*held, *getattr(dataset, "tensors", ())]:
        for thing in [value, *(value.values() if isinstance(value, dict) else ())]:
            source = step.observation.registry.get(thing)
            if source is not None:
                making.product(("*",), source, source.columns, "TRANSFORMATION", "inferred")
    if making.inputs:
        for doings in step.observation.doings:
            doings.unseen.discard(node.entity)
        making.record([(node, type(dataset).__name__)])
    return step.take(node)


def _before_load(observation: Observation, call: Call) -> None:
    announce(observation, call, "read", call.arguments[0])


def _load(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    if uri is None:
        return
    step = Step(observation, observed)
    owes(step, step.external(uri, ()), "IDENTITY")
    result = observed.result
    if hasattr(result, "parameters") or hasattr(result, "numel"):
        kind = "model" if hasattr(result, "parameters") else "array"
        step.finish(result, kind, (), patient=True)
    else:
        step.finish(None, "value", (), patient=True)


def _before_save(observation: Observation, call: Call) -> None:
    announce(observation, call, "write", call.arguments[1])


def _save(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    if uri is None:
        return
    step = Step(observation, observed)
    node = observation.registry.get(observed.subject)
    if node is not None:
        owes(step, node, "IDENTITY")
    step.record([(Node(uri, "file", ()), "")])


def _arm_scripts(observation: Observation, module: ModuleType) -> None:
    """TorchScript's files, which native code opens."""
    for name, operation in (("load", "read"), ("save", "write")):
        observe_opening(
            observation,
            "torch",
            module,
            name,
            via=f"torch.jit.{name}",
            parameter="f",
            operation=operation,  # type: ignore[arg-type]
        )


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe torch's files."""
    if name == "torch.jit._serialization":
        _arm_scripts(observation, module)
        return
    if name == "torch":
        observe_native_opening(
            observation,
            "torch",
            (module,),
            "from_file",
            via="torch.from_file",
            parameter="filename",
        )
        return
    observe(
        observation,
        "torch",
        module,
        "load",
        _load,
        label="torch.load",
        before=_before_load,
        io=True,
    )
    observe(
        observation,
        "torch",
        module,
        "save",
        _save,
        label="torch.save",
        before=_before_save,
        io=True,
    )
