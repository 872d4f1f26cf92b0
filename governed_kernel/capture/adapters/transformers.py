"""transformers: models and tokenizers loaded and saved, text tokenized, training as one step."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.adapters.answers import follow, generated, piped, put_tensors
from governed_kernel.capture.adapters.torch import dataset_node, model_node, owes, parameter_counts
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.capture.transfers import announce, complete

__all__ = ["arm", "before_save", "load_model", "saved"]


def _before_load(observation: Observation, call: Call) -> None:
    announce(observation, call, "read", call.arguments[1], "model", hub=True)


def before_save(observation: Observation, call: Call) -> None:
    """Before ``save_pretrained(folder)``."""
    announce(observation, call, "write", call.arguments[1], "model")


def load_model(observation: Observation, observed: Observed) -> None:
    """``from_pretrained`` of a model."""
    _loaded(observation, observed, "model")


def _load_tokenizer(observation: Observation, observed: Observed) -> None:
    _loaded(observation, observed, "tokenizer")


def _loaded(observation: Observation, observed: Observed, kind: str) -> None:
    uri = complete(observation, observed.call)
    result = observed.result
    if uri is None or observed.call.outer is not None:
        # Inside another reader (AutoModel) that reports the whole.
        return
    result = result[0] if isinstance(result, tuple) else result
    step = Step(observation, observed)
    owes(step, step.external(uri, (), "model"), "IDENTITY")
    step.facts["class"] = type(result).__name__
    if kind == "model":
        step.facts |= parameter_counts(result)
        base = observed["model"]
        if hasattr(base, "parameters"):  # what is loaded is an adapter, and put on a model
            owes(step, model_node(step, base), "TRANSFORMATION")
        follow(observation, result)
    step.finish(result, kind, (), patient=True)


def saved(observation: Observation, observed: Observed) -> None:
    """``save_pretrained`` of a model, an adapter or a tokenizer."""
    uri = complete(observation, observed.call)
    if uri is None:
        return
    step = Step(observation, observed)
    if hasattr(observed.subject, "parameters"):
        node = model_node(step, observed.subject)
    else:
        node = step.take(step.node(observed.subject, "tokenizer", ()))
    owes(step, node, "IDENTITY")
    step.record([(Node(uri, "model", ()), "")])


def tokenize(observation: Observation, observed: Observed) -> None:
    """``tokenizer(texts)``."""
    step = Step(observation, observed)
    owes(step, step.take(step.node(observed.subject, "tokenizer", ())), "TRANSFORMATION")
    for name in ("text", "text_pair"):
        node = observation.registry.get(observed[name])
        if node is not None:
            owes(step, node, "TRANSFORMATION")
        elif observed[name] is not None:
            step.open()
    keys = tuple(str(key) for key in getattr(observed.result, "keys", tuple)())
    step.finish(observed.result, "tokens", keys, fresh=len(step.inputs) == 1)
    put_tensors(observation, observed.result)


def train(observation: Observation, observed: Observed) -> None:
    """``Trainer.train``: the model afterwards is another one than before."""
    trainer, result = observed.subject, observed.result
    step = Step(observation, observed)
    owes(step, model_node(step, trainer.model), "TRANSFORMATION")
    for name in ("train_dataset", "eval_dataset"):
        dataset = getattr(trainer, name, None)
        for part in dataset.values() if isinstance(dataset, dict) else [dataset]:
            if part is not None:
                node = dataset_node(step, part)
                if name == "train_dataset":
                    owes(step, node, "TRANSFORMATION")
                step.facts[f"{name}_entity"] = node.entity
                if hasattr(part, "__len__"):
                    step.facts[f"{name}_rows"] = len(part)
    step.facts |= parameter_counts(trainer.model)
    step.facts |= {
        "steps": int(trainer.state.global_step),
        "epochs": float(trainer.state.epoch or 0.0),
        "loss": float(getattr(result, "training_loss", float("nan"))),
    }
    arguments = trainer.args
    for name in ("learning_rate", "per_device_train_batch_size", "seed", "weight_decay"):
        if isinstance(value := getattr(arguments, name, None), (int, float)):
            step.facts[name] = value
    step.finish(trainer.model, "model", (), patient=True)


def _predicted(observation: Observation, observed: Observed) -> None:
    trainer = observed.subject
    step = Step(observation, observed)
    owes(step, model_node(step, trainer.model), "TRANSFORMATION")
    given = (observed["test_dataset"], observed["eval_dataset"])
    dataset = next((each for each in given if each is not None), trainer.eval_dataset)
    if dataset is not None and not isinstance(dataset, (dict, str)):
        owes(step, dataset_node(step, dataset), "TRANSFORMATION")
    predictions = getattr(observed.result, "predictions", None)
    step.finish(predictions, "array", () if predictions is None else ("0",), patient=True)


def _observe_io(observation: Observation, owner: Any, name: str, rule: Any, before: Any) -> None:
    title = owner.__name__.removeprefix("_Base").replace("AutoModelClass", "AutoModel")
    observe(
        observation,
        "transformers",
        owner,
        name,
        rule,
        label=f"transformers.{title}.{name}",
        before=before,
        io=True,
    )


def arm(observation: Observation, name: str, module: Any | ModuleType) -> None:
    """Observe one of transformers' modules, whenever it is loaded."""
    match name.rpartition(".")[2]:
        case "modeling_utils":
            owner = module.PreTrainedModel
            _observe_io(observation, owner, "from_pretrained", load_model, _before_load)
            _observe_io(observation, owner, "save_pretrained", saved, before_save)
        case "auto_factory":
            owner = module._BaseAutoModelClass
            _observe_io(observation, owner, "from_pretrained", load_model, _before_load)
        case "tokenization_auto":
            owner = module.AutoTokenizer
            _observe_io(observation, owner, "from_pretrained", _load_tokenizer, _before_load)
        case "tokenization_utils_base":
            owner = module.PreTrainedTokenizerBase
            _observe_io(observation, owner, "from_pretrained", _load_tokenizer, _before_load)
            _observe_io(observation, owner, "save_pretrained", saved, before_save)
            observe(observation, "transformers", owner, "__call__", tokenize, label="tokenize")
        case "utils":
            owner = module.GenerationMixin
            label = "transformers.generate"
            observe(observation, "transformers", owner, "generate", generated, label=label)
        case "base":
            owner = module.Pipeline
            label = "transformers.pipeline"
            observe(observation, "transformers", owner, "__call__", piped, label=label)
        case "trainer":
            owner = module.Trainer
            observe(observation, "transformers", owner, "train", train, label="train")
            observe(observation, "transformers", owner, "predict", _predicted, label="predict")
            observe(observation, "transformers", owner, "evaluate", _predicted, label="evaluate")
