"""The properties of a ViT's function that its tensors do not determine, and the sources of these.

The number of heads, the activation, LayerNorm's epsilon, norms of queries and keys, and pooling
come from timm's model name, from the trainer's settings, from a config.json or from the study.
They are never guessed, and two sources that contradict each other are an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from qnas._util.serialization import Value
from qnas.errors import CheckpointError, ConfigError, problem
from qnas.supernet.forward import NORM_EPSILON
from qnas.supernet.pretrained.stored import plain

# Names of GELU's tanh approximation, which differs from the exact GELU by at most 0.0005.
TANH_GELU = ("gelu_tanh", "gelu_pytorch_tanh", "gelu_new", "gelu_fast")
MAX_EPSILON = 1e-5  # a larger epsilon is not negligible beside the variance of the normed tensor
CLASS_TOKEN = ("token", "cls", "class_token")


@dataclass(frozen=True, slots=True)
class Pretrained(Value):
    """Weights that a training starts from.

    Attributes:
        source: A timm model's name, a file of weights, or a folder with one.
        model: timm's name of the model in the file; it determines all properties below. Give it,
            or the other properties, if the file does not.
        heads: Number of heads.
        activation: Activation of the MLPs.
        epsilon: Epsilon of the LayerNorms.
        qk_norm: Whether queries and keys are normalised.
        pooling: "token" or "avg".
    """

    source: str
    model: str = ""
    heads: int = 0
    activation: str = ""
    epsilon: float = 0.0
    qk_norm: bool | None = None
    pooling: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """The properties that one source, named in `by`, states; None for those it does not state."""

    by: str
    heads: int | None = None
    activation: str | None = None
    epsilon: float | None = None
    qk_norm: bool | None = None
    pooling: str | None = None


FACTS = tuple(field.name for field in fields(Function) if field.name != "by")
# The keys of a study for a plain ViT, such as DeiT-S.
USUAL = {
    "heads": "N",
    "activation": '"gelu"',
    "epsilon": "1e-6",
    "qk_norm": "false",
    "pooling": '"token"',
}


def of_study(given: Pretrained) -> Function:
    """The properties that a study states."""
    return Function(
        by="the study",
        heads=given.heads or None,
        activation=given.activation or None,
        epsilon=given.epsilon or None,
        qk_norm=given.qk_norm,
        pooling=given.pooling or None,
    )


def of_hugging_face(config: Mapping[str, Any], by: str) -> Function:
    """The properties of a ViT in a config.json of the transformers package."""
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
    statements: Sequence[Function], *, source: str, needed: Sequence[str], remarks: Sequence[str]
) -> Function:
    """Merge the properties of all sources; `by` then names the sources. `remarks` list the sources
    that were ignored.

    Raises CheckpointError for sources that contradict each other, ConfigError if no source states
    one of the properties `needed`.
    """
    values: dict[str, Any] = {}
    for fact in FACTS:
        stated = {f.by: getattr(f, fact) for f in statements if getattr(f, fact) is not None}
        distinct = list(dict.fromkeys(_same(value) for value in stated.values()))
        if len(distinct) > 1:
            shown = " and ".join(f"{plain(value)} ({by})" for by, value in stated.items())
            rule, remedy = "must be one", "Correct the wrong one."
            raise CheckpointError(problem(f"{source}: {fact}", rule, shown, remedy))
        if stated:
            values[fact] = next(iter(stated.values()))
    missing = [fact for fact in needed if fact not in values]
    if missing:
        keys = ", ".join(f"pretrained_{fact} = {USUAL[fact]}" for fact in missing)
        raise ConfigError(
            problem(
                source,
                "must come with what its tensors do not show",
                f"nothing of {_listed(missing)}" + "".join(f" ({remark})" for remark in remarks),
                "Name the model in timm that the weights are of (pretrained_model), or say in the "
                f"study what its own code has, such as {keys}. Options of `qnas quantize` are "
                "called likewise, without pretrained_.",
            )
        )
    sources = [f.by for f in statements if any(getattr(f, fact) is not None for fact in FACTS)]
    return Function(by=", ".join(sources), **values)


def _same(value: object) -> object:
    """The common form of values with the same meaning."""
    return "token" if value in CLASS_TOKEN else value


def _listed(facts: Sequence[str]) -> str:
    return ", ".join(fact.replace("_", " ") for fact in facts)


def check_function(function: Function, *, source: str, head: bool) -> list[str]:
    """Check that a supernet can compute the function, and return remarks on differences.

    Raises CheckpointError if no supernet computes it. The pooling matters only if the head is
    loaded.
    """
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
