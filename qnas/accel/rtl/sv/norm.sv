// LayerNorm (NUMERICS.md, section 4): the sums of a token and the scale that follows, then its
// channels. What a stage gives once is set by a vector of its own, between tokens.

// 1 / sqrt(value) ~ r * 2**-(31 + e), 15 clocks later; `shift` is 16 + e.
module reciprocal_sqrt (
    input logic clk,
    input logic [51:0] value,
    output logic [17:0] r,
    output logic [5:0] shift
);
  // The topmost pair of bits that is not 0 goes to the top, in halving steps.
  logic [63:0] s32, s16, held, s8, s4, s2;
  logic [4:0] pairs;
  logic [1:0] pairs_q;
  logic [31:0] m;
  logic [4:0] above;
  assign s32 = {12'b0, value[51:32]} == 0 ? {value[31:0], 32'b0} : {12'b0, value};
  assign s16 = s32[63:48] == 0 ? s32 << 16 : s32;
  assign s8 = held[63:56] == 0 ? held << 8 : held;
  assign s4 = s8[63:60] == 0 ? s8 << 4 : s8;
  assign s2 = s4[63:62] == 0 ? s4 << 2 : s4;
  assign pairs = {pairs_q, held[63:56] == 0, s8[63:60] == 0, s4[63:62] == 0};
  always_ff @(posedge clk) begin
    held <= s16;
    pairs_q <= {value[51:32] == 0, s32[63:48] == 0};
    m <= s2[63:32];
    above <= pairs;
  end
  logic [15:0] r0, r0_second, r0_last;
  logic [17:0] m_q;
  rsqrt_table entries (.clk(clk), .index(m[31:24] - 8'd64), .q(r0));
  always_ff @(posedge clk) m_q <= m[31:14];
  logic signed [35:0] first;
  logic signed [34:0] second;
  logic signed [33:0] correction;
  logic signed [50:0] last;
  multiply_add #(.WA(19), .WB(17)) multiply_first (
      .clk(clk), .a({1'b0, m_q}), .b({1'b0, r0}), .c(48'b0), .p(first));
  delay #(.BITS(16), .CLOCKS(3)) wait_second (.clk(clk), .d(r0), .q(r0_second));
  multiply_add #(.WA(18), .WB(17)) multiply_second (
      .clk(clk), .a({1'b0, first[33:17]}), .b({1'b0, r0_second}), .c(48'b0), .p(second));
  always_ff @(posedge clk) correction <= 34'sh180000000 - second[33:0];
  delay #(.BITS(16), .CLOCKS(4)) wait_last (.clk(clk), .d(r0_second), .q(r0_last));
  multiply_add #(.WA(34), .WB(17)) multiply_last (
      .clk(clk), .a(correction), .b({1'b0, r0_last}), .c(48'b0), .p(last));
  assign r = last[49:32];
  logic [4:0] above_q;
  delay #(.BITS(5), .CLOCKS(13)) wait_shift (.clk(clk), .d(above), .q(above_q));
  assign shift = 6'd32 - 6'(above_q);
endmodule

// Sums of a token and its scale. One vector is {payload, op}; op 0: {epsilon, channels}; op 1:
// {last, first, LANES values}. A token's answer is {shift, r, total}.
module block_norm_statistics #(
    parameter int LANES = 1, P = LANES * 16 + 2 > 43 ? LANES * 16 + 2 : 43, IN = P + 1, OUT = 51
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  localparam int LEVELS = $clog2(LANES), CLOCKS = 26;
  logic [P-1:0] payload;
  logic sets;
  logic [CLOCKS-1:0] done;
  logic [15:0] since;  // the last vector of a token
  assign payload = in_data[IN-1:1];
  assign sets = ~in_data[0];
  assign in_ready = ~sets | since == 0;
  assign busy = 1'b0;
  always_ff @(posedge clk) begin
    done <= rst ? '0 : {done[CLOCKS-2:0], in_valid & ~sets & payload[LANES*16+1]};
    since <= rst ? '0 : in_valid & ~sets ? 16'd32 : since == 0 ? '0 : since - 1;
  end
  assign out_valid = done[CLOCKS-1];

  logic [10:0] channels;
  logic [31:0] epsilon;
  always_ff @(posedge clk) if (in_valid & in_ready & sets) {epsilon, channels} <= payload[42:0];

  logic [LANES*32-1:0] squares;
  generate
    for (genvar i = 0; i < LANES; i = i + 1) begin : lane
      multiply_add #(.WA(16), .WB(16)) square (
          .clk(clk), .a(payload[i*16+:16]), .b(payload[i*16+:16]), .c(48'b0),
          .p(squares[i*32+:32]));
    end
  endgenerate
  logic [LANES*16-1:0] values;
  logic valid, first;
  delay #(.BITS(LANES * 16), .CLOCKS(3)) wait_values (
      .clk(clk), .d(payload[LANES*16-1:0]), .q(values));
  delay #(.BITS(2), .CLOCKS(4)) wait_control (
      .clk(clk), .d({in_valid & ~sets, payload[LANES*16]}), .q({valid, first}));
  logic signed [15+LEVELS:0] sum, sum_q;
  logic signed [31+LEVELS:0] square_sum, square_sum_q;
  adder_tree #(.INPUTS(LANES), .BITS(16)) add_values (.values(values), .total(sum));
  adder_tree #(.INPUTS(LANES), .BITS(32)) add_squares (.values(squares), .total(square_sum));
  logic signed [26:0] total, total_q;
  logic signed [40:0] total_squares;
  always_ff @(posedge clk) begin
    sum_q <= sum;
    square_sum_q <= square_sum;
    if (valid) begin
      total <= 27'(sum_q) + (first ? 27'sd0 : total);
      total_squares <= 41'(square_sum_q) + (first ? 41'sd0 : total_squares);
    end
  end

  logic signed [51:0] spread;
  logic signed [53:0] mean;
  logic [51:0] variance;
  multiply_add #(.WA(41), .WB(11), .WP(52)) multiply_spread (
      .clk(clk), .a(total_squares), .b(channels), .c(48'(epsilon)), .p(spread));
  multiply_add #(.WA(27), .WB(27)) multiply_mean (
      .clk(clk), .a(total), .b(total), .c(48'b0), .p(mean));
  always_ff @(posedge clk) variance <= spread - mean[51:0];
  reciprocal_sqrt root (
      .clk(clk), .value(variance), .r(out_data[44:27]), .shift(out_data[50:45]));
  delay #(.BITS(27), .CLOCKS(21)) wait_total (.clk(clk), .d(total), .q(out_data[26:0]));
endmodule

// Channels of a token. One vector is {payload, op}; op 0: {shift, channels}; op 1: {shift, r and
// total of the token, LANES of {bias, gain, value}}. An answer: LANES activations.
module block_normalise #(
    parameter int LANES = 1, LANE = 70, P = LANES * LANE + 51, IN = P + 1, OUT = LANES * 6
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  localparam int CLOCKS = 15, S = LANES * LANE;
  logic [P-1:0] payload;
  logic sets;
  logic [CLOCKS-1:0] done;
  assign payload = in_data[IN-1:1];
  assign sets = ~in_data[0];
  assign in_ready = ~sets | done == 0;
  assign busy = 1'b0;
  always_ff @(posedge clk) done <= rst ? '0 : {done[CLOCKS-2:0], in_valid & ~sets};
  assign out_valid = done[CLOCKS-1];

  logic [10:0] channels;
  logic [5:0] shift_out;
  always_ff @(posedge clk) if (in_valid & in_ready & sets) {shift_out, channels} <= payload[16:0];

  logic signed [26:0] less_total;
  logic signed [17:0] r;
  logic [5:0] shift;
  always_ff @(posedge clk) less_total <= -$signed(payload[S+:27]);
  delay #(.BITS(18), .CLOCKS(3)) wait_r (.clk(clk), .d(payload[S+27+:18]), .q(r));
  delay #(.BITS(6), .CLOCKS(6)) wait_shift (.clk(clk), .d(payload[S+45+:6]), .q(shift));
  generate
    for (genvar i = 0; i < LANES; i = i + 1) begin : lane
      logic signed [26:0] centred;
      logic signed [44:0] product, scaled;
      logic signed [20:0] y;
      logic signed [17:0] gain;
      logic signed [35:0] bias;
      logic signed [39:0] gained, result;
      multiply_add #(.WA(16), .WB(11)) centre (
          .clk(clk), .a(payload[i*LANE+:16]), .b(channels), .c(48'(less_total)), .p(centred));
      multiply_add #(.WA(27), .WB(18)) scale (
          .clk(clk), .a(centred), .b(r), .c(48'b0), .p(product));
      round_shift #(.W(45)) shift_product (.clk(clk), .value(product), .shift(shift), .q(scaled));
      always_ff @(posedge clk)
        y <= scaled < -45'sd1048576 ? -21'sd1048576 :
            scaled > 45'sd1048575 ? 21'sd1048575 : scaled[20:0];
      delay #(.BITS(18), .CLOCKS(9)) wait_gain (.clk(clk), .d(payload[i*LANE+16+:18]), .q(gain));
      delay #(.BITS(36), .CLOCKS(10)) wait_bias (.clk(clk), .d(payload[i*LANE+34+:36]), .q(bias));
      multiply_add #(.WA(21), .WB(18), .WP(40)) multiply_gain (
          .clk(clk), .a(y), .b(gain), .c(48'(bias)), .p(gained));
      round_shift #(.W(40)) shift_result (
          .clk(clk), .value(gained), .shift(shift_out), .q(result));
      always_ff @(posedge clk)
        out_data[i*6+:6] <= result < -40'sd31 ? -6'sd31 : result > 40'sd31 ? 6'sd31 : result[5:0];
    end
  endgenerate
endmodule
