// q = d, CLOCKS later.
module delay #(parameter int BITS = 1, CLOCKS = 1) (
    input logic clk,
    input logic [BITS-1:0] d,
    output logic [BITS-1:0] q
);
  generate
    if (CLOCKS == 0) begin : none
      assign q = d;
    end else begin : line
      logic [BITS*CLOCKS-1:0] held;
      if (CLOCKS == 1) begin : short
        always_ff @(posedge clk) held <= d;
      end else begin : long
        always_ff @(posedge clk) held <= {held[BITS*(CLOCKS-1)-1:0], d};
      end
      assign q = held[BITS*CLOCKS-1-:BITS];
    end
  endgenerate
endmodule
