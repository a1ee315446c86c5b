// q = high * 2**APART + low, CLOCKS later: low bits are low's, the rest is high less low's borrow.
module pack #(parameter int WIDE = 27, APART = 22, BITS = 4, CLOCKS = 1) (
    input logic clk,
    input logic signed [BITS-1:0] low, high,
    output logic signed [WIDE-1:0] q
);
  logic [BITS-1:0] low_q;
  logic [WIDE-APART-1:0] high_q, above;
  assign above = (WIDE - APART)'(high) - (WIDE - APART)'(low < 0);
  delay #(.BITS(BITS), .CLOCKS(CLOCKS)) wait_low (.clk(clk), .d(low), .q(low_q));
  delay #(.BITS(WIDE - APART), .CLOCKS(CLOCKS)) wait_high (.clk(clk), .d(above), .q(high_q));
  assign q = {high_q, {(APART - BITS) {low_q[BITS-1]}}, low_q};
endmodule
