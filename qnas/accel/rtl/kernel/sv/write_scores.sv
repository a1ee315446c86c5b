// DRAIN_PAIRS neighbouring keys of TT queries into score memory, a clock after the joined sums.
// They lie in lanes of their own of one bank row.
module write_scores (
    input logic clk, rst,
    input plan::stage_t stage,
    input plan::rows_t rows,
    input logic [plan::DRAIN_PAIRS-1:0][plan::TT-1:0][26:0] sums,
    output logic [plan::TT-1:0][plan::VL-1:0] write,
    output logic [plan::ROW_BITS-1:0] row,
    output logic [plan::TT-1:0][plan::VL-1:0][plan::SCORE_BITS-1:0] d
);
  localparam int TT = plan::TT, VL = plan::VL, PAIRS = plan::DRAIN_PAIRS, C = plan::COUNT_BITS;
  logic active;
  logic [C-1:0] first_lane;
  assign active = ~rst & stage.dst == plan::DST_SCORES;
  assign first_lane = rows.row & C'(VL - PAIRS);
  always_ff @(posedge clk) begin
    row <= rows.tile.score_row + plan::ROW_BITS'(rows.row >> $clog2(VL));
    for (int t = 0; t < TT; t = t + 1)
      for (int v = 0; v < VL; v = v + 1) begin
        write[t][v] <= active & rows.tile.tokens > C'(t) & rows.valid[v%PAIRS] &
            first_lane == C'(v / PAIRS * PAIRS);
        d[t][v] <= sums[v%PAIRS][t][plan::SCORE_BITS-1:0];
      end
  end
endmodule
