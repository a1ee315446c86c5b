// 1 / sqrt(value) ~ r * 2**-(31 + e), RSQRT_CLOCKS later; `shift` is 16 + e (NUMERICS.md, section
// 4).
module reciprocal_sqrt (
    input logic clk,
    input logic [51:0] value,
    output logic [17:0] r,
    output logic [5:0] shift
);
  // The topmost pair of bits that is not 0 goes to the top, in halving steps, two a clock.
  logic [63:0] s32, s16, held, s8, s4, held4, s2;
  logic [1:0] pairs_held;
  logic [3:0] pairs_held4;
  logic [31:0] m;
  logic [4:0] above;
  assign s32 = value[51:32] == 0 ? {value[31:0], 32'b0} : {12'b0, value};
  assign s16 = s32[63:48] == 0 ? s32 << 16 : s32;
  assign s8 = held[63:56] == 0 ? held << 8 : held;
  assign s4 = s8[63:60] == 0 ? s8 << 4 : s8;
  assign s2 = held4[63:62] == 0 ? held4 << 2 : held4;
  always_ff @(posedge clk) begin
    held <= s16;
    pairs_held <= {value[51:32] == 0, s32[63:48] == 0};
    held4 <= s4;
    pairs_held4 <= {pairs_held, held[63:56] == 0, s8[63:60] == 0};
    m <= s2[63:32];
    above <= {pairs_held4, held4[63:62] == 0};
  end
  // A table's entry, and one Newton step.
  logic [15:0] r0, r0_second, r0_last;
  logic [17:0] m_q;
  rsqrt_table entries (.clk(clk), .index(m[31:24] - 8'd64), .q(r0));
  always_ff @(posedge clk) m_q <= m[31:14];
  logic signed [35:0] first;
  logic signed [34:0] second;
  logic signed [33:0] correction;
  logic signed [50:0] last;
  multiply_add #(.WA(19), .WB(17), .SERIES7(plan::SERIES7)) multiply_first (
      .clk(clk), .a({1'b0, m_q}), .b({1'b0, r0}), .c(48'b0), .p(first));
  delay #(.BITS(16), .CLOCKS(3)) wait_second (.clk(clk), .d(r0), .q(r0_second));
  multiply_add #(.WA(18), .WB(17), .SERIES7(plan::SERIES7)) multiply_second (
      .clk(clk), .a({1'b0, first[33:17]}), .b({1'b0, r0_second}), .c(48'b0), .p(second));
  always_ff @(posedge clk) correction <= 34'sh180000000 - second[33:0];
  delay #(.BITS(16), .CLOCKS(4)) wait_last (.clk(clk), .d(r0_second), .q(r0_last));
  multiply_add #(.WA(34), .WB(17), .SERIES7(plan::SERIES7)) multiply_last (
      .clk(clk), .a(correction), .b({1'b0, r0_last}), .c(48'b0), .p(last));
  assign r = last[49:32];
  logic [4:0] above_q;
  delay #(.BITS(5), .CLOCKS(13)) wait_shift (.clk(clk), .d(above), .q(above_q));
  assign shift = 6'd32 - 6'(above_q);
endmodule
