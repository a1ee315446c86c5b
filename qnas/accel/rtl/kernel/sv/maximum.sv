// First pass of the softmax: reads VL scores of a query a clock, hands them on, and behind a
// query's last ones the largest of them.
module maximum (
    input logic clk, rst, start,
    input plan::stage_t stage,
    // Of score memory, which answers a clock later; see write_scores for its banks.
    output logic [plan::ROW_BITS-1:0] from,
    input logic [plan::SCORE_BANKS-1:0][plan::SCORE_BITS-1:0] score,
    output logic vector_push, largest_push,
    output logic [plan::VL-1:0][plan::SCORE_BITS-1:0] vector,
    output logic signed [plan::SCORE_BITS-1:0] largest
);
  localparam int VL = plan::VL, S = plan::SCORE_BITS, C = plan::COUNT_BITS, LEVELS = $clog2(VL);
  localparam int GROUPS = plan::SCORE_GROUPS, PAIRS = plan::SCORE_PAIRS, BY = plan::SCORE_TURN_BITS;
  localparam int PART_LOG = $clog2(plan::SCORE_BANKS / VL);
  logic running, first, last, ends;
  logic [C-1:0] v, query, left;
  logic [plan::ROW_BITS-1:0] row;
  vector_cursor #(.IMAGE_ROWS(plan::SCORE_IMAGE_ROWS)) cursor (
      .clk(clk), .start(start), .next(running), .tokens(stage.tokens),
      .vectors(C'(plan::SCORE_VECTORS)),
      .base(stage.half ? plan::ROW_BITS'(plan::SCORE_ROWS / 2) : '0),
      .stride(plan::ROW_BITS'(plan::SCORE_STRIDE)), .v(v), .token(query), .bank(), .row(row),
      .first(first), .last(last), .ends_image(), .ends(ends));
  assign left = stage.inner - (v << LEVELS);  // keys from this vector on

  // Request, read, turn back; keys beyond the last are the least of numbers.
  logic valid2, first2, last2, valid3, first3, last3;
  logic [BY-1:0] turn, turn2;
  logic [VL-1:0] present, present2;
  always_comb for (int i = 0; i < VL; i = i + 1) present[i] = left > C'(i);
  assign turn = BY'(query + ((v << LEVELS) >> $clog2(PAIRS))) & BY'(GROUPS - 1);
  delay #(.BITS(3 + BY + VL), .CLOCKS(2)) wait_read (
      .clk(clk), .d({running, first, last, turn, present}),
      .q({valid2, first2, last2, turn2, present2}));
  logic [GROUPS*PAIRS-1:0][S-1:0] turned;
  rotate #(.INPUTS(GROUPS), .BITS(PAIRS * S)) turn_back (.d(score), .by(turn2), .q(turned));
  logic [VL-1:0][S-1:0] chosen;
  always_comb
    for (int i = 0; i < VL; i = i + 1)
      chosen[i] = present2[i] ? turned[i] : {1'b1, (S - 1)'(0)};
  always_ff @(posedge clk) begin
    running <= ~rst & (start | (running & ~ends));
    from <= row + plan::ROW_BITS'(v >> PART_LOG);
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
