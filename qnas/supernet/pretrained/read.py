"""A pretrained ViT, read: its tensors, its shape, and all that is said of its function."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qnas._util.timm_support import is_weights_file
from qnas.errors import CheckpointError, problem
from qnas.supernet.pretrained.function import Function, Pretrained, of_hugging_face, of_study
from qnas.supernet.pretrained.names import SEVERAL, Found, State, find_vit, state_of
from qnas.supernet.pretrained.shape import Shape, left_out, shape_of
from qnas.supernet.pretrained.stored import (
    Stored,
    plain,
    read_json_beside,
    read_stored,
    settings_in,
    weights_in,
)
from qnas.supernet.pretrained.timm_models import (
    PLAIN_VITS,
    KnownModel,
    check_name,
    fetched,
    is_timm_name,
    named,
    of_export,
)

# Where trainers note the name in timm of the model that they train.
NAMES = ("arch", "architecture", "model", "model_name", "backbone", "timm_model")
# Arguments of a timm model that say what it computes, and that a file may give.
ARGUMENTS = {"img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "qkv_bias"}
ARGUMENTS |= {"qk_norm", "init_values", "class_token", "no_embed_class", "reg_tokens", "pre_norm"}
ARGUMENTS |= {"fc_norm", "global_pool", "act_layer", "norm_layer", "proj_bias"}
# Those that say nothing of it once it is trained.
OF_TRAINING = {"num_classes", "in_chans", "drop_rate", "drop_path_rate", "proj_drop_rate"}
OF_TRAINING |= {"attn_drop_rate", "pos_drop_rate", "patch_drop_rate", "weight_init"}
LARGEST = 1 << 16  # of a size that a file may ask for


@dataclass(frozen=True, eq=False)
class Read:
    """`tensors` of a ViT by timm's names, `where` they were in the source, what was `left_out`,
    everything `told` of its function, and the statistics of its images."""

    tensors: State
    shape: Shape
    where: str
    sha256: str
    left_out: tuple[str, ...]
    remarks: tuple[str, ...]
    told: tuple[Function, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def read(given: Pretrained) -> Read:
    """Raises CheckpointError for a source that holds no plain ViT, and what `fetched` raises."""
    sha256 = ""
    remarks: list[str] = []
    of_file: tuple[str, ...] = ()
    if is_weights_file(given.source):
        path = weights_in(Path(given.source))
        stored = read_stored(path)
        of_file = stored.remarks
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        found, shape, gone = _plain_vit(given.source, lambda: find_vit(stored.content))
        said = list(_said(path, stored, shape, remarks))
        known = [model for model in said if model.sizes == _sizes(shape)]
        if not known:
            remarks += [f"{plain(model.function.by)}, a model of other sizes" for model in said]
    else:
        state, model = fetched(given.source)
        found, shape, gone = _plain_vit(given.source, lambda: Found(state, "", ()))
        known = [model]
    if given.model:
        known.append(_of_study(given.model, shape))
    trained = next((model for model in known if model.mean), None)
    return Read(
        tensors=found.tensors,
        shape=shape,
        where=_where(found),
        sha256=sha256,
        left_out=tuple(gone),
        remarks=(*of_file, *(f"not used: {remark}" for remark in remarks)),
        told=(of_study(given), *(model.function for model in known)),
        mean=trained.mean if trained else (),
        std=trained.std if trained else (),
    )


def read_state_dict(path: Path) -> State:
    """The state dict of any network in a file; CheckpointError where there is none."""
    try:
        return state_of(read_stored(path).content)
    except ValueError as error:
        if isinstance(error, CheckpointError):
            raise
        rule, remedy = "must be a state dict", "Save model.state_dict() as safetensors."
        raise CheckpointError(problem(str(path), rule, error, remedy)) from None


def _plain_vit(source: str, find: Callable[[], Found]) -> tuple[Found, Shape, list[str]]:
    """The ViT, its shape, and what lies beside it; CheckpointError unless it is a plain one."""
    missing: list[str] = []
    try:
        found = find()
        gone = left_out(found.tensors)
        shape = shape_of(found.tensors, missing)
    except ValueError as error:
        rule = "must hold a plain ViT with class token and learned positions"
        remedy = "DeiT (not distilled) and ViT of timm are such models."
        if str(error).startswith(SEVERAL):
            remedy = "Save model.state_dict() of the one to start from."
        raise CheckpointError(problem(source, rule, error, remedy)) from None
    beside = [
        _several(names, what)
        for names, what in (
            (gone, "of training alone"),
            (list(found.others), "beside the ViT"),
        )
        if names
    ]
    return found, shape, [*beside, *(f"no {kind}: zeros in its place" for kind in missing)]


def _several(names: list[str], what: str) -> str:
    shown = ", ".join(plain(name, 40) for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{shown}{more}, {what}"


def _where(found: Found) -> str:
    if not found.where:
        return ""
    return f" ({'averaged, ' if found.averaged else ''}`{plain(found.where)}`)"


def _sizes(shape: Shape) -> tuple[int, int, int, int]:
    return shape.embed_dim, shape.depth, shape.mlp_hidden, shape.patch_size


def _of_study(name: str, shape: Shape) -> KnownModel:
    """What timm's model of a name that the study gives says; CheckpointError for other sizes."""
    check_name(name, "pretrained_model", "must be a model of timm's")
    model = named(name, {}, by=f"pretrained_model {name}")
    if model.sizes != _sizes(shape):
        sizes = "embed dim {}, depth {}, MLP width {} and patch size {}"
        rule = f"must have the sizes of its weights, {sizes.format(*_sizes(shape))}"
        remedy = "Name the model that the weights are of."
        got = sizes.format(*model.sizes)
        raise CheckpointError(problem(f"pretrained_model {name}", rule, got, remedy))
    return model


def _said(path: Path, stored: Stored, shape: Shape, remarks: list[str]) -> Iterator[KnownModel]:
    """What the file itself and a config.json beside it say; what they say of no plain ViT goes to
    `remarks`."""
    if arguments := stored.metadata.get("VisionTransformer"):
        function = of_export(_json(arguments), "its metadata")
        yield from [KnownModel(function, _sizes(shape))] if function else []
    settings = settings_in(stored.content)
    for key, name in settings.items():
        holder, _, last = key.rpartition(".")
        if last in NAMES and is_timm_name(name):
            kwargs = settings.get(f"{holder}.model_kwargs") or {}
            pool = settings.get(f"{holder}.gp") or settings.get(f"{holder}.global_pool")
            by = f"{key} in the file, {name}"
            yield from _made(name, kwargs, pool, shape, remarks, by=by)
    yield from _beside(path, shape, remarks)


def _beside(path: Path, shape: Shape, remarks: list[str]) -> Iterator[KnownModel]:
    """What config.json says, as timm or Hugging Face's transformers write it."""
    config = read_json_beside(path) or {}
    name = str(config.get("architecture"))
    if is_timm_name(name):
        pool, by = config.get("global_pool"), f"config.json, {name}"
        cfg = config.get("pretrained_cfg")
        arguments = config.get("model_args")
        for model in _made(name, arguments, pool, shape, remarks, by=by):
            yield replace(model, **_statistics(cfg if isinstance(cfg, dict) else config))
    elif "num_attention_heads" in config:
        keys = ("hidden_size", "num_hidden_layers", "intermediate_size", "patch_size")
        embed_dim, depth, hidden, patch = (config.get(key) for key in keys)
        function = of_hugging_face(config, "config.json")
        yield KnownModel(function, (embed_dim, depth, hidden, patch))  # type: ignore[arg-type]


def _made(
    name: str, arguments: Any, pool: Any, shape: Shape, remarks: list[str], *, by: str
) -> Iterator[KnownModel]:
    """timm's model of that name with these arguments, as far as they can be trusted."""
    given = dict(arguments) if isinstance(arguments, Mapping) else {}
    given |= {"global_pool": pool} if isinstance(pool, str) else {}
    given = {key: value for key, value in given.items() if key not in OF_TRAINING}
    sizes = [value for value in given.values() if isinstance(value, int | float)]
    sound = set(given) <= ARGUMENTS and all(abs(size) <= LARGEST for size in sizes)
    if not sound or given.get("depth", shape.depth) != shape.depth:
        remarks.append(f"{plain(by)}, with other arguments than a plain ViT of these sizes")
        return
    try:
        yield named(name, given, by=by)
    except CheckpointError as error:
        remarks.append(str(error).removesuffix(PLAIN_VITS).strip())


def _statistics(config: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key in ("mean", "std"):
        values = config.get(key)
        if isinstance(values, list) and all(isinstance(v, int | float) for v in values):
            found[key] = tuple(float(v) for v in values)
    return found if len(found) == 2 else {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
