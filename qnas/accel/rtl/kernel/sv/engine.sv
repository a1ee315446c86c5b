// The GEMM engine: out[row, token] = sum over inner of left[row, inner] * right[token, inner].
// Loading, multiplying and draining go on beside each other, a row tile and a tile apart; what
// they hand on are counts of row tiles and the moment when a tile's sums have come.
module engine (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    input logic word_valid,
    input logic [plan::STREAM_BITS-1:0] word,
    output logic word_ready,
    // Memories that it reads: each answers a clock later.
    output logic [plan::ROW_BITS-1:0] act_row, pair_row, scale_row,
    input logic [plan::TT-1:0][plan::TK-1:0][plan::ACT_BITS-1:0] act,
    input logic [plan::TK-1:0][7:0] key,
    input logic [plan::LOAD_PAIRS-1:0][plan::TK-1:0][7:0] prob,
    input logic [plan::DRAIN_PAIRS-1:0][23:0] scales,
    // What leaves the array: joined sums of rows, and requantized ones with where they go.
    output plan::rows_t coming, rows,
    output logic [plan::SCORE_PAIRS-1:0][plan::TT-1:0][26:0] sums,
    output plan::place_t place,
    output logic [plan::DRAIN_PAIRS-1:0][plan::TT-1:0][17:0] results,
    output logic [31:0] logit,
    // GELU's table.
    input logic [plan::TT-1:0][plan::ROW_BITS-1:0] table_from,
    output logic [plan::TT-1:0][plan::GELU_LANES-1:0][plan::ACT_BITS-1:0] entries
);
  localparam int TM = plan::TM, TT = plan::TT, TK = plan::TK, C = plan::COUNT_BITS;
  localparam int R = plan::ROW_BITS, LANES = plan::GELU_LANES, WX = plan::ACT_BITS;
  logic loads, multiplies, drains;
  logic [C-1:0] loaded, multiplied, drained;
  logic table_write, param_write;
  logic [R-1:0] table_row, param_to, param_from, weight_to, weight_from;
  logic [plan::STREAM_BITS-1:0] word_d;
  logic [TM*TK/plan::WEIGHT_LANES-1:0] weight_write;
  logic [TM*TK-1:0][3:0] weight_d, weight;
  loader load (
      .clk(clk), .rst(rst), .start(start), .stage(stage), .busy(loads), .word_valid(word_valid),
      .word(word), .word_ready(word_ready), .pair_row(pair_row), .key(key), .prob(prob),
      .multiplied(multiplied), .drained(drained), .loaded(loaded), .table_write(table_write),
      .param_write(param_write), .table_row(table_row), .param_row(param_to), .word_d(word_d),
      .weight_write(weight_write), .weight_row(weight_to), .weight_d(weight_d));
  memory #(.BITS(4 * plan::WEIGHT_LANES), .BANKS(TM * TK / plan::WEIGHT_LANES),
      .DEPTH(plan::WEIGHT_ROWS), .STORAGE(plan::WEIGHT_STORAGE)) weights (
      .clk(clk), .write(weight_write), .to(weight_to),
      .from(weight_from), .d(weight_d), .q(weight));

  logic valid, first, last;
  schedule multiply (
      .clk(clk), .rst(rst), .start(start), .stage(stage), .busy(multiplies), .loaded(loaded),
      .multiplied(multiplied), .act_row(act_row), .weight_row(weight_from), .valid(valid),
      .first(first), .last(last));
  logic [TM-1:0][TT-1:0][plan::ACC_BITS-1:0] tile_sums;
  multiplier_array array (
      .clk(clk), .valid(valid), .first(first), .last(last), .weight(weight), .act(act),
      .drain(tile_sums));
  logic copied;
  delay #(.BITS(1), .CLOCKS(plan::ARRAY_CLOCKS)) wait_array (
      .clk(clk), .d(valid & last & ~rst), .q(copied));

  localparam int BANKS = plan::ROW_PARAM_BANKS;
  logic [BANKS-1:0][63:0] params;
  memory #(.BITS(64), .BANKS(BANKS), .DEPTH(plan::ROW_PARAM_ROWS),
      .STORAGE(plan::ROW_PARAM_STORAGE)) row_param (
      .clk(clk), .write({BANKS{param_write}}),
      .to(param_to), .from(param_from), .d(word_d), .q(params));
  drain rows_out (
      .clk(clk), .rst(rst), .start(start), .stage(stage), .busy(drains), .drained(drained),
      .copied(copied), .sums(tile_sums), .param_row(param_from), .scale_row(scale_row),
      .params(params), .scales(scales), .coming(coming), .rows(rows), .joined(sums));
  requantize scale (
      .clk(clk), .stage(stage), .rows(rows), .sums(sums[plan::DRAIN_PAIRS-1:0]), .results(results),
      .logit(logit));
  locate addresses (.clk(clk), .stage(stage), .rows(rows), .place(place));

  logic [TT*LANES-1:0][WX-1:0] table_d;
  always_comb
    for (int b = 0; b < TT * LANES; b = b + 1) table_d[b] = word_d[b%LANES*8+:WX];
  memory #(.BITS(WX), .BANKS(TT * LANES), .DEPTH(plan::GELU_ROWS), .STORAGE(plan::GELU_STORAGE),
      .READ_ROWS(TT)) gelu (
      .clk(clk), .write({TT * LANES{table_write}}),
      .to(table_row), .from(table_from), .d(table_d), .q(entries));

  // The last writes come so many clocks after the last step of draining.
  localparam int SCORES = 5, OTHERS = 3 + plan::REQUANTIZE_CLOCKS + 4;
  logic [OTHERS-1:0] tail;
  logic writes;  // some of them are to come
  always_ff @(posedge clk) begin
    tail <= rst ? '0 : {tail[OTHERS-2:0], drains & ~start};
    writes <= ~rst & ((drains & ~start) | (|tail[SCORES-2:0]) |
        (stage.dst != plan::DST_SCORES & (|tail[OTHERS-2:SCORES-1])));
  end
  assign busy = loads | multiplies | drains | writes;
endmodule
