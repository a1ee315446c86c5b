"""The records that the units of the kernel exchange: fields in their order, and their codes."""

from __future__ import annotations

KINDS = ("LOAD_PATCHES", "LOAD_RESIDUAL", "GEMM", "LAYER_NORM", "SOFTMAX", "STORE_LOGITS")
LEFTS = ("WEIGHTS", "KEY", "PROBS")
DSTS = (
    *("PATCHES", "RESIDUAL", "NORMED", "QUERY", "KEY", "VALUE", "SCORES", "PROBS", "ATTENDED"),
    *("HIDDEN", "LOGITS"),
)
# Bits of the fields that are no counts. `half`: of the attention buffers; `ends_step`: what follows
# waits for all units.
SMALL = {"kind": 3, "left": 2, "dst": 4, "half": 1, "ends_step": 1, "token_offset": 1}
COUNTS = (
    *("rows", "tokens", "inner", "channel"),
    *("row_tiles", "token_tiles", "beats", "drain_steps", "tile_steps"),
    *("param_steps", "w8_rows", "w8_more"),
)
ROWS = (
    *("src_base", "src_stride", "left_base", "left_stride"),
    *("dst_base", "dst_stride", "dst_group_stride"),
)
RECORDS = """\
  // Of a tile: tokens, first channel and first token from here on, and rows of memories.
  typedef struct packed {
    logic [COUNT_BITS-1:0] tokens, channel, token;
    logic [ROW_BITS-1:0] dst_row, score_row, residual_row;
  } tile_t;
  // Rows that leave the array together: of weights one, of scores SCORE_PAIRS, of attended tokens
  // DRAIN_PAIRS.
  typedef struct packed {
    logic [SCORE_PAIRS-1:0] valid;
    tile_t tile;
    logic [COUNT_BITS-1:0] row;
    logic [TOKEN_BITS-1:0] bank;
    logic [ROW_BITS-1:0] group_row;
    logic [DRAIN_PAIRS*18-1:0] mult;
    logic [DRAIN_PAIRS*6-1:0] shift;
    logic [25:0] bias;
  } rows_t;
  // Where results are written.
  typedef struct packed {
    logic [DRAIN_PAIRS-1:0] valid;
    logic [COUNT_BITS-1:0] tokens, channel, lane;
    logic [TOKEN_BITS-1:0] bank;
    logic [ROW_BITS-1:0] row;
  } place_t;
"""


def records() -> str:
    """Definitions of all records, for the package."""
    fields = [
        *(f"logic [{bits - 1}:0] {name};" for name, bits in SMALL.items()),
        *(f"logic [COUNT_BITS-1:0] {name};" for name in COUNTS),
        *(f"logic [ROW_BITS-1:0] {name};" for name in ROWS),
    ]
    head = "  // An entry of the stage table (PLAN.md, section 3), highest bits first."
    body = "\n".join(f"    {field}" for field in fields)
    return f"{head}\n  typedef struct packed {{\n{body}\n  }} stage_t;\n{RECORDS}"
