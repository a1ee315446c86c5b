"""The operations of a network in execution order, with their names and shapes.

The integer reference and the hardware plan both iterate over these operations. No other module
describes the order, names or shapes of a network.

Axes: N tokens, D embed, K head dim, M MLP hidden. A GEMM computes

    out[row, token] = sum over inner of  left[row, inner] * right[token, inner]

where `left` is the nibble operand (weights, keys or probabilities) and `right` activations, of the
network's `activation_bits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from qnas.architecture import Architecture, w8_rows


class Tensor(StrEnum):
    """Tensors that live on chip between operations (shapes for one image)."""

    PATCHES = "patches"  # (patches, patch_dim) activations: the image, cut into patches
    RESIDUAL = "residual"  # (N, D) 16-bit: the residual stream
    NORMED = "normed"  # (N, D) activations: LayerNorm's output
    QUERY = "query"  # (heads, N, K) activations
    KEY = "key"  # (heads, N, K) two nibbles, -119..119
    VALUE = "value"  # (heads, K, N) activations, transposed: inner axis of P.V is the key token
    SCORES = "scores"  # (N keys, N queries) accumulators of one head
    PROBS = "probs"  # (N queries, N keys) two nibbles, 0..119, not normalised
    ATTENDED = "attended"  # (N, heads * K) activations
    HIDDEN = "hidden"  # (N, M) activations, after GELU
    LOGITS = "logits"  # (classes,) 32-bit
    WEIGHTS = "weights"  # streamed from DRAM


class Epilogue(StrEnum):
    """The last step on an accumulator, when its tile is complete (NUMERICS.md, section 3)."""

    ACTIVATION = "activation"  # requantize to an activation
    NIBBLES = "nibbles"  # requantize to -119..119 (keys)
    GELU = "gelu"  # requantize to an index, then GELU's table
    RESIDUAL = "residual"  # requantize and add to the 16-bit residual stream
    RAW = "raw"  # keep the accumulator (scores)
    LOGITS = "logits"  # requantize to 32 bits


# Epilogue of each weight matrix of a block.
MATRIX_EPILOGUES = {
    Tensor.QUERY: Epilogue.ACTIVATION,
    Tensor.KEY: Epilogue.NIBBLES,
    Tensor.VALUE: Epilogue.ACTIVATION,
    Tensor.HIDDEN: Epilogue.GELU,
    Tensor.RESIDUAL: Epilogue.RESIDUAL,
}


@dataclass(frozen=True, slots=True)
class LoadPatches:
    """Read the image, cut into patches (channel, row, column order inside a patch)."""

    name: str
    tokens: int
    channels: int
    dst: Tensor = Tensor.PATCHES


@dataclass(frozen=True, slots=True)
class LoadResidual:
    """Fill the residual stream with class token and position embedding."""

    name: str
    tokens: int
    channels: int
    dst: Tensor = Tensor.RESIDUAL


@dataclass(frozen=True, slots=True)
class Gemm:
    """One matrix product on the engine. An 8-bit row costs two nibbles, a 4-bit row one."""

    name: str
    left: Tensor
    right: Tensor
    dst: Tensor
    epilogue: Epilogue
    rows: int
    w8_rows: int
    tokens: int
    inner: int
    head: int = 0  # index into the head axis of right, left and dst, if they have one
    token_offset: int = 0  # added to the token index of dst
    dst_channels: int = 0  # channels of dst per token, if dst is laid out by channel
    table: int = 0  # entries of the epilogue's table, which precedes the weights in the stream

    @property
    def slots(self) -> int:
        """Row slots that the operation occupies on the engine: one per nibble."""
        return self.rows + self.w8_rows

    @property
    def atoms(self) -> int:
        """Products of a nibble and an activation that the operation needs."""
        return self.slots * self.tokens * self.inner


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Normalise the residual stream over D channels to activations."""

    name: str
    tokens: int
    channels: int
    dst: Tensor = Tensor.NORMED


@dataclass(frozen=True, slots=True)
class Softmax:
    """Turn the scores of one head into unnormalised probabilities and one (mult, shift) per
    query."""

    name: str
    queries: int
    keys: int
    head: int
    dst: Tensor = Tensor.PROBS


Operation = LoadPatches | LoadResidual | Gemm | LayerNorm | Softmax


def network_operations(arch: Architecture) -> tuple[Operation, ...]:
    """Every operation of `arch`, in order, named `stem`, `block0.q`, `block0.head1.scores`, ..."""
    n, d = arch.num_tokens, arch.embed_dim
    operations: list[Operation] = [
        LoadPatches("patches", arch.num_patches, arch.patch_dim),
        LoadResidual("position", n, d),
        Gemm(
            name="stem",
            left=Tensor.WEIGHTS,
            right=Tensor.PATCHES,
            dst=Tensor.RESIDUAL,
            epilogue=Epilogue.RESIDUAL,
            rows=d,
            w8_rows=w8_rows(d, arch.stem_w8),
            tokens=arch.num_patches,
            inner=arch.patch_dim,
            token_offset=1,
        ),
    ]
    for index in range(arch.depth):
        operations += _block(arch, index)
    operations += [
        LayerNorm("norm", 1, d),
        Gemm(
            name="head",
            left=Tensor.WEIGHTS,
            right=Tensor.NORMED,
            dst=Tensor.LOGITS,
            epilogue=Epilogue.LOGITS,
            rows=arch.num_classes,
            w8_rows=w8_rows(arch.num_classes, arch.head_w8),
            tokens=1,
            inner=d,
        ),
    ]
    return tuple(operations)


def weight_matrices(arch: Architecture) -> tuple[Gemm, ...]:
    """The matrix products of `arch` whose left operand is a matrix of weights, in order."""
    products = (op for op in network_operations(arch) if isinstance(op, Gemm))
    return tuple(op for op in products if op.left is Tensor.WEIGHTS)


def gelu_entries(arch: Architecture) -> int:
    """Entries of GELU's table: 256 for 6-bit activations, 1024 for 8-bit ones.

    The index is two bits finer than the output (`numerics.pre_gelu_bounds`).
    """
    return 1 << (arch.activation_bits + 2)


def _block(arch: Architecture, index: int) -> list[Operation]:
    block, name = arch.blocks[index], f"block{index}"
    n, d, width = arch.num_tokens, arch.embed_dim, arch.attention_dim(index)
    w8, hidden, normed = block.w8, block.mlp_hidden, Tensor.NORMED

    def matrix(part: str, src: Tensor, dst: Tensor, *, rows: int, inner: int, w8: int) -> Gemm:
        epilogue = MATRIX_EPILOGUES[dst]
        return Gemm(
            name=f"{name}.{part}",
            left=Tensor.WEIGHTS,
            right=src,
            dst=dst,
            epilogue=epilogue,
            rows=rows,
            w8_rows=w8_rows(rows, w8),
            tokens=n,
            inner=inner,
            dst_channels=rows,
            table=gelu_entries(arch) if epilogue is Epilogue.GELU else 0,
        )

    return [
        LayerNorm(f"{name}.norm1", n, d),
        matrix("q", normed, Tensor.QUERY, rows=width, inner=d, w8=w8.qkv),
        matrix("k", normed, Tensor.KEY, rows=width, inner=d, w8=w8.qkv),
        matrix("v", normed, Tensor.VALUE, rows=width, inner=d, w8=w8.qkv),
        *(op for head in range(block.num_heads) for op in _attention(arch, name, width, head)),
        matrix("proj", Tensor.ATTENDED, Tensor.RESIDUAL, rows=d, inner=width, w8=w8.proj),
        LayerNorm(f"{name}.norm2", n, d),
        matrix("fc1", normed, Tensor.HIDDEN, rows=hidden, inner=d, w8=w8.fc1),
        matrix("fc2", Tensor.HIDDEN, Tensor.RESIDUAL, rows=d, inner=hidden, w8=w8.fc2),
    ]


def _attention(arch: Architecture, block: str, width: int, head: int) -> list[Operation]:
    n, name = arch.num_tokens, f"{block}.head{head}"
    return [
        Gemm(
            name=f"{name}.scores",
            left=Tensor.KEY,
            right=Tensor.QUERY,
            dst=Tensor.SCORES,
            epilogue=Epilogue.RAW,
            rows=n,
            w8_rows=n,
            tokens=n,
            inner=arch.head_dim,
            head=head,
        ),
        Softmax(f"{name}.softmax", queries=n, keys=n, head=head),
        Gemm(
            name=f"{name}.attend",
            left=Tensor.PROBS,
            right=Tensor.VALUE,
            dst=Tensor.ATTENDED,
            epilogue=Epilogue.ACTIVATION,
            rows=n,
            w8_rows=n,
            tokens=arch.head_dim,
            inner=n,
            head=head,
            dst_channels=width,
        ),
    ]
