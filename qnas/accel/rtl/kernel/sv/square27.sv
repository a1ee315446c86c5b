// p = a * a. On DSP48E2s two cells and five clocks; on DSP48E1s, of whose ports both operands are
// wider, four cells and seven clocks: a times its low part, and a times its high part.
module square27 (
    input logic clk,
    input logic signed [26:0] a,
    output logic signed [53:0] p
);
  generate
    if (plan::SERIES7 == 0) begin : e2
      multiply_add #(.WA(27), .WB(27)) product (.clk(clk), .a(a), .b(a), .c(48'b0), .p(p));
    end else begin : e1
      logic signed [44:0] low;
      logic signed [36:0] high;
      logic signed [53:0] sum;
      multiply_add #(.WA(27), .WB(18), .SERIES7(1)) times_low (
          .clk(clk), .a(a), .b({1'b0, a[16:0]}), .c(48'b0), .p(low));
      multiply_add #(.WA(27), .WB(10), .SERIES7(1)) times_high (
          .clk(clk), .a(a), .b(a[26:17]), .c(48'b0), .p(high));
      always_ff @(posedge clk) begin
        sum <= 54'(low) + {high, 17'b0};
        p <= sum;
      end
    end
  endgenerate
endmodule
