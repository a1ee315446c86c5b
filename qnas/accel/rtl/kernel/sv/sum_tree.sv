// The sum of 2**n signed values, registered behind every second level: ($clog2(INPUTS) + 1) / 2
// clocks later.
module sum_tree #(
    parameter int INPUTS = 4, BITS = 10, WT = BITS + $clog2(INPUTS)
) (
    input logic clk,
    input logic [INPUTS*BITS-1:0] values,
    output logic signed [WT-1:0] total
);
  localparam int NEXT = INPUTS > 2 ? INPUTS / 4 : INPUTS / 2;  // sums of four, of two the last
  localparam int WS = INPUTS > 2 ? BITS + 2 : BITS + 1;
  generate
    if (INPUTS == 1) begin : leaf
      assign total = WT'($signed(values));
    end else begin : node
      logic [NEXT*WS-1:0] sums;
      for (genvar i = 0; i < NEXT; i = i + 1) begin : sum
        logic signed [WS-1:0] next;
        if (INPUTS > 2) begin : four
          assign next = WS'($signed(values[4*i*BITS+:BITS])) +
              WS'($signed(values[(4*i+1)*BITS+:BITS])) +
              (WS'($signed(values[(4*i+2)*BITS+:BITS])) +
              WS'($signed(values[(4*i+3)*BITS+:BITS])));
        end else begin : two
          assign next = WS'($signed(values[2*i*BITS+:BITS])) +
              WS'($signed(values[(2*i+1)*BITS+:BITS]));
        end
        always_ff @(posedge clk) sums[i*WS+:WS] <= next;
      end
      sum_tree #(.INPUTS(NEXT), .BITS(WS), .WT(WT)) rest (
          .clk(clk), .values(sums), .total(total));
    end
  endgenerate
endmodule
