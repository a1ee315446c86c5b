"""Reading a pretrained ViT: its tensors, its shape, and all statements on its function, among them
a trainer's settings in its file and a config.json beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qnas._util.timm_support import is_weights_file
from qnas._util.units import listed
from qnas.errors import CheckpointError, problem
from qnas.supernet.pretrained.function import Function, Pretrained, of_hugging_face, of_study
from qnas.supernet.pretrained.names import SEVERAL, Found, State, find_vit, state_of
from qnas.supernet.pretrained.shape import Shape, left_out, shape_of
from qnas.supernet.pretrained.stored import (
    Stored,
    digest_of,
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

# Keys under which trainers store timm's name of the model.
NAMES = ("arch", "architecture", "model", "model_name", "backbone", "timm_model")
# Arguments of a timm model that determine its function, and that a file may give.
ARGUMENTS = {"img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "qkv_bias"}
ARGUMENTS |= {"qk_norm", "init_values", "class_token", "no_embed_class", "reg_tokens", "pre_norm"}
ARGUMENTS |= {"fc_norm", "global_pool", "act_layer", "norm_layer", "proj_bias"}
# Arguments without effect on a trained model.
OF_TRAINING = {"num_classes", "in_chans", "drop_rate", "drop_path_rate", "proj_drop_rate"}
OF_TRAINING |= {"attn_drop_rate", "pos_drop_rate", "patch_drop_rate", "weight_init", "fix_init"}
OF_TRAINING |= {"dynamic_img_size", "dynamic_img_pad"}
LARGEST = 1 << 16  # largest size that a file may request
HUGGING_FACE = ("hidden_size", "num_hidden_layers", "intermediate_size", "patch_size")


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes on a ViT of these `sizes`: `models` that it may be, and in `unused` the notes that
    match no plain ViT of these sizes."""

    sizes: tuple[int, int, int, int]
    models: list[KnownModel] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def read_file(self, stored: Stored) -> None:
        """Read the notes inside a file: the metadata of an export, or the settings of a trainer."""
        exported = of_export(_json(stored.metadata.get("VisionTransformer")), "its metadata")
        self.models.extend([KnownModel(exported, self.sizes)] if exported else [])
        settings = settings_in(stored.content)
        for key, name in settings.items():
            holder, _, last = key.rpartition(".")
            # timm's trainer stores the name twice: alone, and among all arguments.
            again = not holder and "args.model" in settings
            if last in NAMES and is_timm_name(name) and not again:
                pool = settings.get(f"{holder}.gp") or settings.get(f"{holder}.global_pool")
                arguments = _arguments(settings.get(f"{holder}.model_kwargs"), pool)
                self._add(name, arguments, by=f"{key} in the file, {name}")

    def read_beside(self, path: Path) -> None:
        """Read a config.json beside the file, as timm or Hugging Face's transformers write it."""
        config = read_json_beside(path) or {}
        name, trained = str(config.get("architecture")), config.get("pretrained_cfg")
        if is_timm_name(name):
            arguments = _arguments(config.get("model_args"), config.get("global_pool"))
            statistics = _statistics(trained if isinstance(trained, dict) else config)
            self._add(name, arguments, by=f"config.json, {name}", statistics=statistics)
        elif "num_attention_heads" in config:
            sizes: Any = tuple(config.get(key) for key in HUGGING_FACE)
            self._add_model(KnownModel(of_hugging_face(config, "config.json"), sizes))

    def _add(
        self,
        name: str,
        arguments: dict[str, Any],
        *,
        by: str,
        statistics: Mapping[str, Any] | None = None,
    ) -> None:
        """Add timm's model of this name, if its arguments can be trusted."""
        depth = self.sizes[1]
        sizes = [value for value in arguments.values() if isinstance(value, int | float)]
        sound = set(arguments) <= ARGUMENTS and all(abs(size) <= LARGEST for size in sizes)
        if not sound or arguments.get("depth", depth) != depth:
            self.unused.append(f"{plain(by)}, with other arguments than a plain ViT of these sizes")
            return
        try:
            self._add_model(replace(named(name, arguments, by=by), **(statistics or {})))
        except CheckpointError as error:
            self.unused.append(str(error).removesuffix(PLAIN_VITS).strip())

    def _add_model(self, model: KnownModel) -> None:
        if model.sizes == self.sizes:
            self.models.append(model)
        else:
            self.unused.append(f"{plain(model.function.by)}, a model of other sizes")


def _arguments(given: Any, pool: Any) -> dict[str, Any]:
    """The arguments of a timm model that determine its function; `pool` has its own key."""
    found = dict(given) if isinstance(given, Mapping) else {}
    found |= {"global_pool": pool} if isinstance(pool, str) else {}
    return {key: value for key, value in found.items() if key not in OF_TRAINING}


def _statistics(config: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Mean and std of images; empty unless both are lists of numbers."""
    found = {}
    for key in ("mean", "std"):
        values = config.get(key)
        if isinstance(values, list) and all(isinstance(v, int | float) for v in values):
            found[key] = tuple(float(v) for v in values)
    return found if len(found) == 2 else {}


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, eq=False)
class Read:
    """A pretrained ViT: `tensors` by timm's names, their position `where` in the source, the names
    `left_out`, the sources' `statements` on its function, and the statistics of its images."""

    tensors: State
    shape: Shape
    where: str
    sha256: str
    left_out: tuple[str, ...]
    remarks: tuple[str, ...]
    statements: tuple[Function, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def read(given: Pretrained) -> Read:
    """Read a pretrained ViT; CheckpointError if the source contains no plain ViT, and errors as
    `fetched`."""
    if is_weights_file(given.source):
        path = weights_in(Path(given.source))
        stored, sha256 = read_stored(path), digest_of(path)
        found, shape, beside = _plain_vit(given.source, lambda: find_vit(stored.content))
        notes = Notes(_sizes(shape))
        notes.read_file(stored)
        notes.read_beside(path)
        known, unused = notes.models, [] if notes.models else notes.unused
        remarks = (*stored.remarks, *(f"not used: {note}" for note in unused))
    else:
        sha256, remarks = "", ()
        state, model = fetched(given.source)
        found, shape, beside = _plain_vit(given.source, lambda: Found(state, "", ()))
        known = [model]
    if given.model:
        known.append(_of_study(given.model, shape))
    trained = next((model for model in known if model.mean), None)
    return Read(
        tensors=found.tensors,
        shape=shape,
        where=_where(found),
        sha256=sha256,
        left_out=tuple(beside),
        remarks=remarks,
        statements=(of_study(given), *(model.function for model in known)),
        mean=trained.mean if trained else (),
        std=trained.std if trained else (),
    )


def read_state_dict(path: Path) -> State:
    """The state dict of any network in a file; CheckpointError if there is none."""
    try:
        return state_of(read_stored(path).content)
    except ValueError as error:
        if isinstance(error, CheckpointError):
            raise
        rule, remedy = "must be a state dict", "Save model.state_dict() as safetensors."
        raise CheckpointError(problem(str(path), rule, error, remedy)) from None


def _plain_vit(source: str, find: Callable[[], Found]) -> tuple[Found, Shape, list[str]]:
    """The ViT, its shape, and the names beside it; CheckpointError unless it is a plain ViT."""
    missing: list[str] = []
    try:
        found = find()
        unused = left_out(found.tensors)
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
            (unused, "of training alone"),
            (list(found.others), "beside the ViT"),
        )
        if names
    ]
    return found, shape, [*beside, *(f"no {kind}: zeros in its place" for kind in missing)]


def _several(names: list[str], what: str) -> str:
    return f"{listed([plain(name, 40) for name in names], most=3)}, {what}"


def _where(found: Found) -> str:
    if not found.where:
        return ""
    return f" ({'averaged, ' if found.averaged else ''}`{plain(found.where)}`)"


def _sizes(shape: Shape) -> tuple[int, int, int, int]:
    return shape.embed_dim, shape.depth, shape.mlp_hidden, shape.patch_size


def _of_study(name: str, shape: Shape) -> KnownModel:
    """timm's model of a name that the study gives; CheckpointError if its sizes differ."""
    check_name(name, "pretrained_model", "must be a model of timm's")
    model = named(name, {}, by=f"pretrained_model {name}")
    if model.sizes != _sizes(shape):
        sizes = "embed dim {}, depth {}, MLP width {} and patch size {}"
        rule = f"must have the sizes of its weights, {sizes.format(*_sizes(shape))}"
        remedy = "Name the model that the weights are of."
        got = sizes.format(*model.sizes)
        raise CheckpointError(problem(f"pretrained_model {name}", rule, got, remedy))
    return model
