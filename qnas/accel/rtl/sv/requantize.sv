// Requantization of LANES sums that share a row's scale (NUMERICS.md, section 2), and its epilogues.

// One vector: {bias, shift, mult, epilogue, LANES sums}; epilogue 0 an activation, 1 two nibbles,
// 2 an entry of GELU's table, 3 a logit. An answer: LANES results of 32 bits.
module block_requantize #(
    parameter int LANES = 1, SERIES7 = 0,
    parameter int IN = LANES * 27 + 2 + 18 + 6 + 26, OUT = LANES * 32
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  localparam int S = LANES * 27;
  localparam int PRODUCT = SERIES7 != 0 ? 5 : 3, CLOCKS = PRODUCT + 3;
  assign in_ready = 1'b1;
  assign busy = 1'b0;
  logic [CLOCKS-1:0] done;
  always_ff @(posedge clk) done <= rst ? '0 : {done[CLOCKS-2:0], in_valid};
  assign out_valid = done[CLOCKS-1];

  // The bias enters behind the multiplier, lifted to its step: once for all lanes.
  logic signed [25:0] bias;
  logic [5:0] shift, lift, shift_q;
  logic [1:0] epilogue;
  logic signed [47:0] lifted;
  assign bias = in_data[IN-1-:26];
  assign shift = in_data[S+20+:6];
  assign lift = shift < 8 ? 6'd0 : shift - 6'd8;
  always_ff @(posedge clk) lifted <= 48'(bias) <<< lift;
  delay #(.BITS(6), .CLOCKS(PRODUCT)) wait_shift (.clk(clk), .d(shift), .q(shift_q));
  delay #(.BITS(2), .CLOCKS(CLOCKS - 1)) wait_epilogue (
      .clk(clk), .d(in_data[S+:2]), .q(epilogue));
  generate
    for (genvar i = 0; i < LANES; i = i + 1) begin : lane
      logic signed [47:0] scaled, rounded;
      multiply_add #(.WA(27), .WB(18), .WP(48), .SERIES7(SERIES7)) product (
          .clk(clk), .a(in_data[i*27+:27]), .b(in_data[S+2+:18]), .c(lifted), .p(scaled));
      round_shift #(.W(48)) shifter (.clk(clk), .value(scaled), .shift(shift_q), .q(rounded));
      logic signed [31:0] low, high;
      assign high = epilogue == 0 ? 31 : epilogue == 1 ? 119 : epilogue == 2 ? 127 : 32'h7fffffff;
      assign low = epilogue == 0 ? -31 : epilogue == 1 ? -119 : epilogue == 2 ? -128 : 32'h80000000;
      always_ff @(posedge clk)
        out_data[i*32+:32] <= rounded < 48'(low) ? low : rounded > 48'(high) ? high : rounded[31:0];
    end
  endgenerate
endmodule
