"""Folding: the amount of work that the hardware does in one cycle, and in one pass."""

from __future__ import annotations

from dataclasses import dataclass, fields

from qnas._util.serialization import Value
from qnas._util.units import is_power_of_two
from qnas.accel.device import MAX_WEIGHT_PORTS
from qnas.errors import ConfigError, problem

MAX_TOKENS = 255  # token / tt by a reciprocal of 20 bits is exact below 256
MAX_LANES = 1 << 16  # of any one kind; far beyond any device
MAX_BATCH = 64  # images of a pass
BATCH_RULE = f"must be a whole number from 1 to {MAX_BATCH}"


@dataclass(frozen=True, slots=True)
class Folding(Value):
    """The parallelism of one accelerator: `tm` row slots x `tt` tokens x `tk` inputs a cycle.

    Each of these products multiplies a 4-bit weight nibble by an activation. Inside the folding
    search, and only there, fields may be integer arrays that broadcast.

    Attributes:
        tm: Row slots. Even, since an 8-bit row takes two neighbouring slots.
        tt: Tokens. At most `tk`: values and attended tokens are written transposed, `tt`
            neighbouring channels of one token a cycle, each to its own bank.
        tk: Inputs. A power of two.
        vl: Lanes of the vector unit: channels of LayerNorm and of residual loading, keys of
            softmax. A power of two, at most `tk`, so that a vector never straddles a bank row.
        lut_slots: Row slots built from LUTs; the others are built from DSPs. Even.
        lut_tokens: Tokens whose products are built from LUTs in every row slot.
        drain_pairs: Pairs of row slots that leave the array in a cycle in `attend`, where every
            row is a pair. Neighbouring queries must lie in different token banks.
        score_pairs: The same in `scores`, which are not requantized. Neighbouring keys must lie in
            different lanes.
        load_pairs: Pairs of row slots that `attend` loads in a cycle, from as many queries.
        head_buffers: 1, or 2 to run the softmax of a head beside the array's products for the
            neighbouring heads.
        weight_ports: AXI ports that deliver the weight stream in parallel, each as wide as the
            device's ports.
        batch: Batch size: images that go through all stages together, in one pass. The weight
            stream is read once a pass.
    """

    tm: int
    tt: int
    tk: int
    vl: int
    lut_slots: int = 0
    drain_pairs: int = 1
    head_buffers: int = 1
    weight_ports: int = 1
    lut_tokens: int = 0
    score_pairs: int = 1
    load_pairs: int = 1
    batch: int = 1

    @property
    def atoms_per_cycle(self) -> int:
        """Products of a nibble and an activation in one cycle."""
        return self.tm * self.tt * self.tk

    def check(self) -> None:
        """Check the rules above, for scalar fields only.

        Raises:
            ConfigError: A rule is broken.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int:
                rule = "must be a whole number"
                raise ConfigError(problem(field.name, rule, repr(value), "Choose another folding."))
        rules = [
            ("tm", self.tm >= 2 and self.tm % 2 == 0, "must be even and positive", self.tm),
            ("tk", is_power_of_two(self.tk), "must be a power of two", self.tk),
            ("tm", self.tm <= MAX_LANES, f"must be at most {MAX_LANES}", self.tm),
            ("tk", self.tk <= MAX_LANES, f"must be at most {MAX_LANES}", self.tk),
            (
                "tt",
                1 <= self.tt <= min(self.tk, MAX_TOKENS),
                f"must be from 1 to `tk`, at most {MAX_TOKENS}",
                self.tt,
            ),
            (
                "vl",
                is_power_of_two(self.vl) and self.vl <= self.tk,
                "must be a power of two, at most `tk`",
                self.vl,
            ),
            (
                "lut_slots",
                0 <= self.lut_slots <= self.tm and self.lut_slots % 2 == 0,
                "must be even, between 0 and `tm`",
                self.lut_slots,
            ),
            (
                "drain_pairs",
                self._divides_pairs(self.drain_pairs) and self.drain_pairs <= self.tt,
                "must be a power of two that divides `tm` / 2, at most `tt`",
                self.drain_pairs,
            ),
            (
                "head_buffers",
                self.head_buffers in (1, 2),
                "must be 1 or 2",
                self.head_buffers,
            ),
            (
                "weight_ports",
                is_power_of_two(self.weight_ports) and self.weight_ports <= MAX_WEIGHT_PORTS,
                f"must be a power of two, at most {MAX_WEIGHT_PORTS}",
                self.weight_ports,
            ),
            (
                "lut_tokens",
                0 <= self.lut_tokens <= self.tt,
                "must be between 0 and `tt`",
                self.lut_tokens,
            ),
            (
                "score_pairs",
                self._divides_pairs(self.score_pairs)
                and self.drain_pairs <= self.score_pairs <= self.vl,
                "must be a power of two that divides `tm` / 2, from `drain_pairs` to `vl`",
                self.score_pairs,
            ),
            (
                "load_pairs",
                self._divides_pairs(self.load_pairs),
                "must be a power of two that divides `tm` / 2",
                self.load_pairs,
            ),
            ("batch", is_batch(self.batch), BATCH_RULE, self.batch),
        ]
        for name, holds, rule, value in rules:
            if not holds:
                raise ConfigError(problem(name, rule, value, "Choose another folding."))

    def _divides_pairs(self, pairs: int) -> bool:
        return is_power_of_two(pairs) and self.tm % (2 * pairs) == 0


def is_batch(images: object) -> bool:
    """Whether `images` can be the images of a pass; `BATCH_RULE` says what they must be."""
    return type(images) is int and 1 <= images <= MAX_BATCH


FIELDS = tuple(field.name for field in fields(Folding))
