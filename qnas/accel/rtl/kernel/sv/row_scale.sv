// (mult / 2**shift) / sum as a multiplier of 17 bits and a shift, a bit of the quotient a clock:
// ROW_SCALE_CLOCKS later (NUMERICS.md, section 5).
module row_scale (
    input logic clk,
    input logic [17:0] mult,  // below 2**17
    input logic [5:0] shift,
    input logic [15:0] sum,  // 1 or more
    output logic [23:0] scale
);
  localparam int BITS = 17;
  // The divisor's topmost bit goes to the top, in halving steps, two a clock.
  logic [15:0] s8, s4, held, s2, s1;
  logic [1:0] zeros_held;
  logic [3:0] zeros, zeros_q;
  assign s8 = sum[15:8] == 0 ? sum << 8 : sum;
  assign s4 = s8[15:12] == 0 ? s8 << 4 : s8;
  assign s2 = held[15:14] == 0 ? held << 2 : held;
  assign s1 = s2[15] == 0 ? s2 << 1 : s2;
  assign zeros = {zeros_held, held[15:14] == 0, s2[15] == 0};
  logic [BITS:0][15:0] divisor, remainder;
  logic [BITS:0][BITS-1:0] quotient;
  logic [31:0] dividend;
  assign dividend = {mult[16:0], 15'b0};
  always_ff @(posedge clk) begin
    held <= s4;
    zeros_held <= {sum[15:8] == 0, s8[15:12] == 0};
    divisor[0] <= s1;
  end
  assign remainder[0] = {1'b0, dividend[31:17]};
  assign quotient[0] = '0;
  generate
    for (genvar i = 0; i < BITS; i = i + 1) begin : step
      logic [16:0] doubled;
      logic [17:0] rest;
      logic goes;
      assign doubled = {remainder[i], dividend[BITS-1-i]};
      assign rest = {1'b0, doubled} - {2'b0, divisor[i]};
      assign goes = ~rest[17];
      always_ff @(posedge clk) begin
        divisor[i+1] <= divisor[i];
        remainder[i+1] <= goes ? rest[15:0] : doubled[15:0];
        quotient[i+1] <= {quotient[i][BITS-2:0], goes};
      end
    end
  endgenerate
  delay #(.BITS(4), .CLOCKS(BITS + 1)) wait_zeros (.clk(clk), .d(zeros), .q(zeros_q));
  assign scale = {shift + 6'd15 - 6'(zeros_q), 1'b0, quotient[BITS]};
endmodule
