"""safetensors: files that are read and written by native code, unseen by Python's audit hook."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.capture.transfers import announce, complete, read_natively

__all__ = ["arm"]


def _before_load(observation: Observation, call: Call) -> None:
    announce(observation, call, "read", call.arguments[0])


def _before_save(observation: Observation, call: Call) -> None:
    announce(observation, call, "write", call.arguments[1])


def _load(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    if uri is not None:
        step = Step(observation, observed)
        step.external(uri, ())
        tensors = observed.result if isinstance(observed.result, dict) else {}
        step.facts["tensors"] = len(tensors)
        node = step.finish(None, "tensors", (), patient=True)
        for tensor in tensors.values():
            observation.registry.put(tensor, node)


def _save(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    if uri is None:
        return
    step = Step(observation, observed)
    tensors = observed.subject if isinstance(observed.subject, dict) else {}
    step.facts["tensors"] = len(tensors)
    for tensor in list(tensors.values())[:1000]:
        if (node := observation.registry.get(tensor)) is not None:
            step.take(node)
    step.record([(Node(uri, "file", ()), "")])


def _native_class(observation: Observation, native: Any) -> Any:
    """A class that stands for `safe_open`, which can't be subclassed or rewritten."""

    class Native(type):
        def __call__(cls, filename: Any, *arguments: Any, **options: Any) -> Any:
            read_natively(observation, filename, "safetensors.safe_open")
            return native(filename, *arguments, **options)

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, native)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, native)

    names = {"__doc__": native.__doc__, "__module__": native.__module__}
    return Native(native.__name__, (), names)


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe safetensors' files."""
    if name == "safetensors":
        module.safe_open = _native_class(observation, module.safe_open)  # type: ignore[attr-defined]
        return
    for function, rule, before in (
        ("load_file", _load, _before_load),
        ("save_file", _save, _before_save),
    ):
        label = f"{name}.{function}"
        observe(
            observation, "safetensors", module, function, rule, label=label, before=before, io=True
        )
