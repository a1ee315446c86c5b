// First pass of LayerNorm (NUMERICS.md, section 4): reads VL channels of a token a clock, hands
// them on, and behind a token's last ones what its channels are normalised with: {shift, r,
// total}.
module statistics (
    input logic clk, rst, start,
    input plan::stage_t stage,
    input logic [31:0] epsilon,
    // Of residual memory, which answers two clocks later; see add_residual for its banks.
    output logic [plan::ROW_BITS-1:0] from,
    input logic [plan::RESIDUAL_BANKS-1:0][15:0] residual,
    output logic vector_push, scale_push,
    output logic [plan::VL-1:0][15:0] vector,
    output logic [50:0] scale
);
  localparam int VL = plan::VL, C = plan::COUNT_BITS, LEVELS = $clog2(VL);
  localparam int BANKS = plan::RESIDUAL_BANKS, BY = plan::RESIDUAL_TURN_BITS;
  localparam int TREE = (LEVELS + 1) / 2, MEAN = plan::SERIES7 != 0 ? 7 : 5;
  logic running, first, last, ends;
  logic [C-1:0] v, token, left;
  logic [plan::ROW_BITS-1:0] row;
  vector_cursor #(.IMAGE_ROWS(plan::RESIDUAL_IMAGE_ROWS)) cursor (
      .clk(clk), .start(start), .next(running), .tokens(stage.tokens),
      .vectors((stage.rows + C'(VL - 1)) >> LEVELS), .base('0),
      .stride(plan::ROW_BITS'(plan::RESIDUAL_STRIDE)), .v(v), .token(token), .bank(), .row(row),
      .first(first), .last(last), .ends_image(), .ends(ends));
  assign left = stage.rows - (v << LEVELS);  // channels from this vector on

  // Request, read, turn back; channels beyond the last are 0.
  logic valid2, first2, last2, valid3, first3, last3;
  logic [BY-1:0] turn, turn2;
  logic [VL-1:0] present, present2;
  always_comb for (int i = 0; i < VL; i = i + 1) present[i] = left > C'(i);
  assign turn = BY'(token + (v << LEVELS)) & BY'(BANKS - 1);
  delay #(.BITS(3 + BY + VL), .CLOCKS(3)) wait_read (
      .clk(clk), .d({running, first, last, turn, present}),
      .q({valid2, first2, last2, turn2, present2}));
  logic [BANKS-1:0][15:0] turned;
  rotate #(.INPUTS(BANKS), .BITS(16)) turn_back (.d(residual), .by(turn2), .q(turned));
  logic [VL-1:0][15:0] chosen;
  always_comb
    for (int i = 0; i < VL; i = i + 1) chosen[i] = turned[i] & {16{present2[i]}};
  always_ff @(posedge clk) begin
    running <= ~rst & (start | (running & ~ends));
    from <= row + plan::ROW_BITS'(v >> $clog2(BANKS / VL));
    vector <= chosen;
    valid3 <= valid2 & ~rst;
    first3 <= first2;
    last3 <= last2;
  end
  assign vector_push = valid3;

  // Sums of the channels and of their squares.
  logic [VL*32-1:0] squares;
  logic [VL*16-1:0] values;
  generate
    for (genvar i = 0; i < VL; i = i + 1) begin : lane
      multiply_add #(.WA(16), .WB(16), .SERIES7(plan::SERIES7)) square (
          .clk(clk), .a(vector[i]), .b(vector[i]), .c(48'b0), .p(squares[i*32+:32]));
    end
  endgenerate
  delay #(.BITS(VL * 16), .CLOCKS(3)) wait_values (.clk(clk), .d(vector), .q(values));
  logic signed [15+LEVELS:0] sum;
  logic signed [31+LEVELS:0] square_sum;
  sum_tree #(.INPUTS(VL), .BITS(16)) add_values (.clk(clk), .values(values), .total(sum));
  sum_tree #(.INPUTS(VL), .BITS(32)) add_squares (.clk(clk), .values(squares), .total(square_sum));
  logic valid, first_sum, last_sum, complete;
  delay #(.BITS(3), .CLOCKS(3 + TREE)) wait_sums (
      .clk(clk), .d({valid3, first3, last3}), .q({valid, first_sum, last_sum}));
  logic signed [26:0] total;
  logic signed [40:0] total_squares;
  always_ff @(posedge clk) begin
    complete <= valid & last_sum;
    if (valid) begin
      total <= 27'(sum) + (first_sum ? 27'sd0 : total);
      total_squares <= 41'(square_sum) + (first_sum ? 41'sd0 : total_squares);
    end
  end

  // D * squares - total**2 + epsilon, and the root's reciprocal.
  logic signed [51:0] spread, spread_q;
  logic signed [53:0] mean;
  logic [51:0] variance;
  multiply_add #(.WA(41), .WB(11), .WP(52), .SERIES7(plan::SERIES7)) multiply_spread (
      .clk(clk), .a(total_squares), .b(11'(stage.rows)), .c(48'(epsilon)), .p(spread));
  delay #(.BITS(52), .CLOCKS(MEAN - 5)) wait_spread (.clk(clk), .d(spread), .q(spread_q));
  square27 multiply_mean (.clk(clk), .a(total), .p(mean));
  always_ff @(posedge clk) variance <= spread_q - mean[51:0];
  reciprocal_sqrt root (.clk(clk), .value(variance), .r(scale[44:27]), .shift(scale[50:45]));
  localparam int BEHIND = MEAN + 1 + plan::RSQRT_CLOCKS;
  delay #(.BITS(27), .CLOCKS(BEHIND)) wait_total (.clk(clk), .d(total), .q(scale[26:0]));
  logic push;
  delay #(.BITS(1), .CLOCKS(BEHIND)) wait_push (.clk(clk), .d(complete & ~rst), .q(push));
  assign scale_push = push;
endmodule
