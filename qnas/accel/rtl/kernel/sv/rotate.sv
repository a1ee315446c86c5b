// q[i] = d[(i + by) mod INPUTS], or, UP, q[(i + by) mod INPUTS] = d[i]; for a power of two of
// INPUTS: a level of two-way choices a bit of `by`.
module rotate #(
    parameter int INPUTS = 4, BITS = 8, UP = 0, BY = INPUTS > 1 ? $clog2(INPUTS) : 1
) (
    input logic [INPUTS-1:0][BITS-1:0] d,
    input logic [BY-1:0] by,
    output logic [INPUTS-1:0][BITS-1:0] q
);
  localparam int W = INPUTS * BITS;
  generate
    if (INPUTS == 1) begin : one
      assign q = d;
    end else begin : many
      logic [(BY+1)*W-1:0] levels;
      assign levels[W-1:0] = d;
      for (genvar i = 0; i < BY; i = i + 1) begin : level
        localparam int SHIFT = UP != 0 ? W - (1 << i) * BITS : (1 << i) * BITS;
        logic [W-1:0] lower;
        assign lower = levels[i*W+:W];
        assign levels[(i+1)*W+:W] = by[i] ? {lower[SHIFT-1:0], lower[W-1:SHIFT]} : lower;
      end
      assign q = levels[BY*W+:W];
    end
  endgenerate
endmodule
