// First pass of the softmax: reads VL scores of a query a clock, hands them on, and behind a
// query's last ones the largest of them.
module maximum (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic [plan::ROW_BITS-1:0] from,  // of score memory, which answers a clock later
    input logic [plan::TT-1:0][plan::VL-1:0][plan::SCORE_BITS-1:0] score,
    output logic vector_push, largest_push,
    output logic [plan::VL-1:0][plan::SCORE_BITS-1:0] vector,
    output logic signed [plan::SCORE_BITS-1:0] largest
);
  localparam int TT = plan::TT, VL = plan::VL, S = plan::SCORE_BITS, C = plan::COUNT_BITS;
  localparam int LEVELS = $clog2(VL);
  logic running, first, last, ends;
  logic [C-1:0] v, left;
  logic [TT-1:0] bank;
  logic [plan::ROW_BITS-1:0] row;
  vector_cursor cursor (
      .clk(clk), .start(start), .next(running), .tokens(stage.tokens),
      .vectors(C'(plan::SCORE_STRIDE)),
      .base(stage.half ? plan::ROW_BITS'(plan::SCORE_ROWS / 2) : '0),
      .stride(plan::ROW_BITS'(plan::SCORE_STRIDE)), .out_base('0), .out_stride('0), .v(v),
      .bank(bank), .row(row), .out_row(), .first(first), .last(last), .ends(ends));
  assign left = stage.inner - (v << LEVELS);  // keys from this vector on

  // Request, read, choose the query's bank; keys beyond the last are the least of numbers.
  logic valid2, first2, last2, valid3, first3, last3;
  logic [TT-1:0] bank2;
  logic [VL-1:0] present, present2;
  always_comb for (int i = 0; i < VL; i = i + 1) present[i] = left > C'(i);
  delay #(.BITS(3 + TT + VL), .CLOCKS(2)) wait_read (
      .clk(clk), .d({running, first, last, bank, present}),
      .q({valid2, first2, last2, bank2, present2}));
  logic [VL-1:0][S-1:0] chosen;
  always_comb begin
    chosen = '0;
    for (int b = 0; b < TT; b = b + 1) chosen = chosen | (score[b] & {VL * S{bank2[b]}});
    for (int i = 0; i < VL; i = i + 1) if (~present2[i]) chosen[i] = {1'b1, (S - 1)'(0)};
  end
  always_ff @(posedge clk) begin
    running <= ~rst & (start | (running & ~ends));
    from <= row + plan::ROW_BITS'(v);
    vector <= chosen;
    valid3 <= valid2 & ~rst;
    first3 <= first2;
    last3 <= last2;
  end
  assign vector_push = valid3;

  logic signed [S-1:0] here;
  logic valid, first_here, last_here;
  max_tree #(.INPUTS(VL), .BITS(S)) tree (.clk(clk), .values(vector), .largest(here));
  delay #(.BITS(3), .CLOCKS(LEVELS)) wait_tree (
      .clk(clk), .d({valid3, first3, last3}), .q({valid, first_here, last_here}));
  always_ff @(posedge clk) begin
    largest_push <= valid & last_here & ~rst;
    if (valid & (first_here | here > largest)) largest <= here;
  end
endmodule
