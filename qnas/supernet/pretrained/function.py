"""What the tensors of a ViT do not show of the function that it computes, and who says it.

Heads, activation, LayerNorm's epsilon, norms of queries and keys, pooling: from timm's name of the
model, from what its trainer or a config.json says, or from the study; never guessed. Two that
contradict each other are an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from qnas._util.serialization import Value
from qnas.errors import CheckpointError, ConfigError, problem
from qnas.supernet.forward import NORM_EPSILON
from qnas.supernet.pretrained.stored import plain

# GELU by another formula: at most 0.0005 away from the exact one.
TANH_GELU = ("gelu_tanh", "gelu_pytorch_tanh", "gelu_new", "gelu_fast")
MAX_EPSILON = 1e-5  # beyond it, epsilon is no longer small beside the variance of what is normed
CLASS_TOKEN = ("token", "cls", "class_token")


@dataclass(frozen=True, slots=True)
class Pretrained(Value):
    """Weights to start from: `source` is the name of a model of timm's, a file, or a folder with
    one. The others say what a file does not: the name in timm of the `model` that its weights are
    of, or its number of `heads`, the `activation` of its MLPs, the `epsilon` of its LayerNorms,
    whether queries and keys are normed (`qk_norm`), and its `pooling` ("token" or "avg")."""

    source: str
    model: str = ""
    heads: int = 0
    activation: str = ""
    epsilon: float = 0.0
    qk_norm: bool | None = None
    pooling: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """What somebody (`by`) says of the function. None: nothing."""

    by: str
    heads: int | None = None
    activation: str | None = None
    epsilon: float | None = None
    qk_norm: bool | None = None
    pooling: str | None = None


FACTS = tuple(field.name for field in fields(Function) if field.name != "by")
# What a study writes for a plain ViT: DeiT-S, say.
USUAL = {
    "heads": "N",
    "activation": '"gelu"',
    "epsilon": "1e-6",
    "qk_norm": "false",
    "pooling": '"token"',
}


def of_study(given: Pretrained) -> Function:
    """What the keys of a study say."""
    return Function(
        by="the study",
        heads=given.heads or None,
        activation=given.activation or None,
        epsilon=given.epsilon or None,
        qk_norm=given.qk_norm,
        pooling=given.pooling or None,
    )


def of_hugging_face(config: Mapping[str, Any], by: str) -> Function:
    """What a config.json of the transformers package says of its ViT."""
    return Function(
        by=by,
        heads=_typed(config, "num_attention_heads", int),
        activation=_typed(config, "hidden_act", str),
        epsilon=_typed(config, "layer_norm_eps", float),
        qk_norm=False,
        pooling="token",
    )


def _typed(config: Mapping[str, Any], key: str, kind: type) -> Any:
    value = config.get(key)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def settled(
    told: Sequence[Function], *, source: str, needed: Sequence[str], remarks: Sequence[str]
) -> Function:
    """All facts in one, `by` those who said them. `remarks` are on who was not believed.

    Raises CheckpointError where two contradict each other, ConfigError where nobody says what is
    `needed`.
    """
    values: dict[str, Any] = {}
    for fact in FACTS:
        said = {f.by: getattr(f, fact) for f in told if getattr(f, fact) is not None}
        distinct = list(dict.fromkeys(_same(value) for value in said.values()))
        if len(distinct) > 1:
            shown = " and ".join(f"{plain(value)} ({by})" for by, value in said.items())
            rule, remedy = "must be one", "Correct the wrong one."
            raise CheckpointError(problem(f"{source}: {fact}", rule, shown, remedy))
        if said:
            values[fact] = next(iter(said.values()))
    missing = [fact for fact in needed if fact not in values]
    if missing:
        keys = ", ".join(f"pretrained_{fact} = {USUAL[fact]}" for fact in missing)
        raise ConfigError(
            problem(
                source,
                "must come with what its tensors do not show",
                f"nothing of {_listed(missing)}" + "".join(f" ({remark})" for remark in remarks),
                "Name the model in timm that the weights are of (pretrained_model), or say in the "
                f"study what its own code has, such as {keys}.",
            )
        )
    spoke = [f.by for f in told if any(getattr(f, fact) is not None for fact in FACTS)]
    return Function(by=", ".join(spoke), **values)


def _same(value: object) -> object:
    """One word for what means the same."""
    return "token" if value in CLASS_TOKEN else value


def _listed(facts: Sequence[str]) -> str:
    return ", ".join(fact.replace("_", " ") for fact in facts)


def check_function(function: Function, *, source: str, head: bool) -> list[str]:
    """CheckpointError for a function that no supernet computes; remarks on what is computed
    otherwise. Pooling matters where a head is loaded."""
    epsilon, activation = function.epsilon, function.activation
    pooled = function.pooling in (*CLASS_TOKEN, None)
    plain_gelu = activation in ("gelu", None)
    for subject, rule, value, holds in (
        ("activation", "must be gelu", activation, plain_gelu or activation in TANH_GELU),
        (
            "epsilon of LayerNorm",
            f"must be above 0 and at most {MAX_EPSILON:g} ({NORM_EPSILON:g} is computed)",
            epsilon,
            epsilon is None or 0 < epsilon <= MAX_EPSILON,
        ),
        ("qk_norm", "must be false", function.qk_norm, not function.qk_norm),
        ("pooling", "must be that of the class token", function.pooling, pooled or not head),
    ):
        if not holds:
            remedy = "Choose another checkpoint: a supernet computes no other function."
            raise CheckpointError(problem(f"{source}: {subject}", rule, plain(value), remedy))
    remarks = []
    if not plain_gelu:
        remarks.append(f"GELU is computed exactly, and {activation} is at most 0.0005 away from it")
    if epsilon is not None and epsilon != NORM_EPSILON:
        remarks.append(f"LayerNorm has epsilon {NORM_EPSILON:g} here, and {epsilon:g} there")
    if not pooled:
        pooling = plain(function.pooling)
        remarks.append(f"it pooled its tokens ({pooling}); here the class token alone is read")
    return remarks
