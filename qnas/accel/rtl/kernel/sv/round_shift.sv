// value / 2**shift, rounded half up, and 0 from a shift of W on. Two clocks.
module round_shift #(parameter int W = 48) (
    input logic clk,
    input logic signed [W-1:0] value,
    input logic [5:0] shift,
    output logic signed [W-1:0] q
);
  logic signed [W:0] half, sum;
  logic [5:0] shift_q;
  logic none;
  assign half = (W + 1)'(1) <<< (shift - 6'd1);
  always_ff @(posedge clk) begin
    sum <= value + half;
    shift_q <= shift;
    none <= shift >= 6'(W);
    q <= none ? '0 : W'(sum >>> shift_q);
  end
endmodule
