// Second pass of LayerNorm: VL channels of a token a clock, once its {shift, r, total} is there,
// into activation memory.
module normalise (
    input logic clk, rst, start,
    input plan::stage_t stage,
    input logic [5:0] shift,  // of the stage
    output logic busy,
    input logic vector_valid, scale_valid,
    output logic vector_pop, scale_pop,
    input logic [plan::VL-1:0][15:0] vector,
    input logic [50:0] scale,
    output logic [plan::ROW_BITS-1:0] param_row,  // answers a clock later
    input logic [plan::NORM_PARAM_BANKS-1:0][53:0] params,  // bias 36, gain 18
    output logic write,
    output logic [plan::TT-1:0] bank,
    output logic [plan::TK-1:0] lane,
    output logic [plan::ROW_BITS-1:0] row,
    output logic [plan::TK-1:0][plan::ACT_BITS-1:0] d
);
  localparam int TT = plan::TT, VL = plan::VL, TK = plan::TK, C = plan::COUNT_BITS;
  localparam int R = plan::ROW_BITS, WX = plan::ACT_BITS, A = plan::ACT_MAX;
  localparam int PARTS = TK / VL, PART_LOG = $clog2(PARTS), LEVELS = $clog2(VL);
  localparam int PARAM_PARTS = plan::NORM_PARAM_BANKS / VL, PARAM_LOG = $clog2(PARAM_PARTS);
  localparam int SCALE = plan::SERIES7 != 0 ? 5 : 3;  // clocks of a product of 27 x 18 bits
  localparam int CLOCKS = 12 + SCALE;
  logic running, goes, first, ends;
  logic [C-1:0] v;
  logic [TT-1:0] bank_now;
  logic [R-1:0] first_row;
  vector_cursor #(.GROUPED(1), .IMAGE_ROWS(plan::ACT_IMAGE_ROWS)) cursor (
      .clk(clk), .start(start), .next(goes), .tokens(stage.tokens),
      .vectors((stage.rows + C'(VL - 1)) >> LEVELS), .base(stage.dst_base),
      .stride(stage.dst_stride), .v(v), .token(), .bank(bank_now), .row(first_row),
      .first(first), .last(), .ends_image(), .ends(ends));
  assign goes = running & vector_valid & (~first | scale_valid);
  assign vector_pop = goes;
  assign scale_pop = goes & first;
  assign param_row = R'(v >> PARAM_LOG);

  // One clock for the parameters; then 27 bits of D * x - total, times r, shifted and saturated: y.
  logic [50:0] held;
  logic signed [26:0] less_total, less_total1;
  logic signed [17:0] r, r1;
  logic [5:0] down, down1;
  logic [VL-1:0][15:0] x;
  logic [VL-1:0][53:0] own;
  logic [C-1:0] part1;
  always_ff @(posedge clk) begin
    running <= ~rst & (start | (running & ~(goes & ends)));
    if (scale_pop) held <= scale;
    {down1, r1} <= first ? scale[50:27] : held[50:27];
    less_total1 <= -$signed(first ? scale[26:0] : held[26:0]);
    x <= vector;
    part1 <= v & C'(PARAM_PARTS - 1);
  end
  always_comb begin
    own = '0;
    for (int q = 0; q < PARAM_PARTS; q = q + 1)
      for (int i = 0; i < VL; i = i + 1)
        own[i] = own[i] | (params[q*VL+i] & {54{part1 == C'(q)}});
  end
  delay #(.BITS(27), .CLOCKS(1)) wait_total (.clk(clk), .d(less_total1), .q(less_total));
  delay #(.BITS(18), .CLOCKS(3)) wait_r (.clk(clk), .d(r1), .q(r));
  delay #(.BITS(6), .CLOCKS(3 + SCALE)) wait_shift (.clk(clk), .d(down1), .q(down));
  logic [VL-1:0][WX-1:0] results;
  generate
    for (genvar i = 0; i < VL; i = i + 1) begin : channel
      logic signed [26:0] centred;
      logic signed [44:0] product, scaled;
      logic signed [20:0] y;
      logic signed [17:0] gain;
      logic signed [35:0] bias;
      logic signed [39:0] gained, result;
      multiply_add #(.WA(16), .WB(11), .SERIES7(plan::SERIES7)) centre (
          .clk(clk), .a(x[i]), .b(11'(stage.rows)), .c(48'(less_total)), .p(centred));
      multiply_add #(.WA(27), .WB(18), .SERIES7(plan::SERIES7)) multiply_r (
          .clk(clk), .a(centred), .b(r), .c(48'b0), .p(product));
      round_shift #(.W(45)) shift_product (.clk(clk), .value(product), .shift(down), .q(scaled));
      always_ff @(posedge clk)
        y <= scaled < -45'sd1048576 ? -21'sd1048576 :
            scaled > 45'sd1048575 ? 21'sd1048575 : scaled[20:0];
      delay #(.BITS(18), .CLOCKS(6 + SCALE)) wait_gain (.clk(clk), .d(own[i][17:0]), .q(gain));
      delay #(.BITS(36), .CLOCKS(7 + SCALE)) wait_bias (.clk(clk), .d(own[i][53:18]), .q(bias));
      multiply_add #(.WA(21), .WB(18), .WP(40), .SERIES7(plan::SERIES7)) multiply_gain (
          .clk(clk), .a(y), .b(gain), .c(48'(bias)), .p(gained));
      round_shift #(.W(40)) shift_result (
          .clk(clk), .value(gained), .shift(shift), .q(result));
      always_ff @(posedge clk)
        results[i] <= result < -40'(A) ? -WX'(A) : result > 40'(A) ? WX'(A) : result[WX-1:0];
    end
  endgenerate

  // The write port, as soon as the results are there.
  localparam int W = TT + PARTS + R;
  logic [PARTS-1:0] part, parts;
  logic [CLOCKS:0] going;
  logic any_going;  // of its bits
  always_comb for (int p = 0; p < PARTS; p = p + 1) parts[p] = (v & C'(PARTS - 1)) == C'(p);
  delay #(.BITS(W), .CLOCKS(CLOCKS + 1)) wait_results (
      .clk(clk), .d({bank_now, parts, first_row + R'(v >> PART_LOG)}), .q({bank, part, row}));
  always_ff @(posedge clk) begin
    going <= rst ? '0 : {going[CLOCKS-1:0], goes};
    any_going <= ~rst & (goes | (|going[CLOCKS-1:0]));
  end
  assign write = going[CLOCKS];
  always_comb
    for (int k = 0; k < TK; k = k + 1) begin
      lane[k] = part[k/VL];
      d[k] = results[k%VL];
    end
  assign busy = running | any_going;
endmodule
