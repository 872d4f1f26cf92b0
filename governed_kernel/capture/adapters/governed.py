"""The product's own calls in a notebook: an adapter that is saved as an artifact."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.adapters.torch import model_node, owes
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.capture.uris import file_uri

__all__ = ["arm"]


def _saved(observation: Observation, observed: Observed) -> None:
    """``release.save_adapter``: the model goes into a file of weights."""
    step = Step(observation, observed)
    owes(step, model_node(step, observed["model"]), "IDENTITY")
    weights = file_uri(observed.result / "adapter_model.safetensors")
    step.record([(Node(weights, "model", ()), "")])


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe `training.artifacts`."""
    label = "release.save_adapter"
    observe(observation, "governed_kernel", module, "save_adapter", _saved, label=label)
