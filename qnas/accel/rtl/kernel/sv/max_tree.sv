// The largest of 2**n signed values, registered behind every level: $clog2(INPUTS) clocks later.
module max_tree #(parameter int INPUTS = 2, BITS = 18) (
    input logic clk,
    input logic [INPUTS*BITS-1:0] values,
    output logic signed [BITS-1:0] largest
);
  generate
    if (INPUTS == 1) begin : leaf
      assign largest = values;
    end else begin : node
      logic [INPUTS/2*BITS-1:0] larger;
      for (genvar i = 0; i < INPUTS / 2; i = i + 1) begin : pair
        logic signed [BITS-1:0] low, high;
        assign low = values[2*i*BITS+:BITS];
        assign high = values[(2*i+1)*BITS+:BITS];
        always_ff @(posedge clk) larger[i*BITS+:BITS] <= low < high ? high : low;
      end
      max_tree #(.INPUTS(INPUTS / 2), .BITS(BITS)) rest (
          .clk(clk), .values(larger), .largest(largest));
    end
  endgenerate
endmodule
