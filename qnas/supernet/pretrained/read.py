"""Reading a pretrained ViT: its tensors, its shape, and all statements on its function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qnas._util.timm_support import is_weights_file
from qnas.errors import CheckpointError, problem
from qnas.supernet.pretrained.function import Function, Pretrained, of_study
from qnas.supernet.pretrained.names import SEVERAL, Found, State, find_vit, state_of
from qnas.supernet.pretrained.notes import Notes
from qnas.supernet.pretrained.shape import Shape, left_out, shape_of
from qnas.supernet.pretrained.stored import digest_of, plain, read_stored, weights_in
from qnas.supernet.pretrained.timm_models import KnownModel, check_name, fetched, named


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
