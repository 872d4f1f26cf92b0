"""peft: adapters put on a model, saved and loaded."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.adapters.answers import follow
from governed_kernel.capture.adapters.torch import model_node, owes, parameter_counts
from governed_kernel.capture.adapters.transformers import before_save, load_model, saved
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.steps import Step
from governed_kernel.capture.transfers import announce

__all__ = ["arm"]

_FACTS = ("r", "lora_alpha", "lora_dropout", "bias", "target_modules", "modules_to_save")


def adapt(observation: Observation, observed: Observed) -> None:
    """``get_peft_model``: a model with an adapter, and what of it will be trained."""
    step = Step(observation, observed)
    owes(step, model_node(step, observed.subject), "TRANSFORMATION")
    configuration = observed["peft_config"]
    step.facts["method"] = str(getattr(configuration.peft_type, "value", configuration.peft_type))
    for name in _FACTS:
        if (value := getattr(configuration, name, None)) is not None:
            step.facts[name] = _plain(value)
    step.facts |= parameter_counts(observed.result)
    step.finish(observed.result, "model", (), patient=True)
    follow(observation, observed.result)


def merge(observation: Observation, observed: Observed) -> None:
    """``merge_and_unload``: the base model again, changed by the adapter for good."""
    holders = [
        node
        for thing, node in observation.registry.of_kind("model")
        if getattr(thing, "base_model", None) is observed.subject
    ]
    if not holders:
        return
    step = Step(observation, observed)
    for node in holders:
        owes(step, step.take(node), "TRANSFORMATION")
    step.facts |= parameter_counts(observed.result)
    step.finish(observed.result, "model", (), patient=True)
    follow(observation, observed.result)


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return value if isinstance(value, (int, float, str, bool)) else [str(part) for part in value]


def _before_load(observation: Observation, call: Call) -> None:
    announce(observation, call, "read", call.arguments[2], "model")


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe peft."""
    if name == "peft.mapping_func":
        observe(observation, "peft", module, "get_peft_model", adapt, label="adapt")
        return
    if name == "peft.tuners.tuners_utils":
        owner, method = module.BaseTuner, "merge_and_unload"
        observe(observation, "peft", owner, method, merge, label=f"peft.{method}")
        return
    owner = module.PeftModel
    label = "peft.PeftModel"
    observe(
        observation,
        "peft",
        owner,
        "from_pretrained",
        load_model,
        label=f"{label}.from_pretrained",
        before=_before_load,
        io=True,
    )
    observe(
        observation,
        "peft",
        owner,
        "save_pretrained",
        saved,
        label=f"{label}.save_pretrained",
        before=before_save,
        io=True,
    )
