"""safetensors: files that are read and written by native code, unseen by Python's audit hook."""

from __future__ import annotations

import contextlib
import inspect
from types import ModuleType
from typing import Any

from governed_kernel.capture import native
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.rewriting import Hooks, NotRewritable
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


def _stand_in(observation: Observation, opens: Any) -> Any:
    """A class that stands for `safe_open`, which can't be subclassed or rewritten."""

    def enter(given: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
        places, names = given
        target = places[0] if places else names.get("filename")
        read_natively(observation, target, "safetensors.safe_open")

    class Native(type):
        # As a static method it is called without the class, and with no frame of Python's.
        __call__ = staticmethod(
            native.observed(opens, Hooks(enter, lambda _, opened: opened, lambda _: None))
        )

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, opens)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, opens)

    # For tools that show the type of what they describe, and where it is from.
    Native.__name__, Native.__module__ = "type", "builtins"
    # It has what the class has, and is told by what it takes; nothing is ever made of it itself.
    names = {name: value for name, value in vars(opens).items() if name != "__new__"}
    with contextlib.suppress(ValueError):  # a native class may not say what it takes
        names["__signature__"] = inspect.signature(opens)
    return Native(opens.__name__, (), names)


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe safetensors' files."""
    if name == "safetensors":
        if not native.works():
            raise NotRewritable("native functions can't be observed in this interpreter")
        module.safe_open = _stand_in(observation, module.safe_open)  # type: ignore[attr-defined]
        return
    for function, rule, before in (
        ("load_file", _load, _before_load),
        ("save_file", _save, _before_save),
    ):
        label = f"{name}.{function}"
        observe(
            observation, "safetensors", module, function, rule, label=label, before=before, io=True
        )
