// EXP: 119 * 2**8 * 2**(-index / 256), for LANES lanes; what is read comes a clock later. A block RAM
// has two ports: it serves two lanes.
module exp_tables #(parameter int LANES = 2) (
    input logic clk,
    input logic [LANES-1:0][7:0] index,
    output logic [LANES-1:0][14:0] q
);
  generate
    for (genvar i = 0; i < LANES; i = i + 2) begin : pair
      localparam int OTHER = i + 1 < LANES ? i + 1 : i;
      logic [14:0] other;
      exp_rom rom (
          .clk(clk), .first(index[i]), .second(index[OTHER]), .first_q(q[i]), .second_q(other));
      if (OTHER != i) begin : both
        assign q[OTHER] = other;
      end
    end
  endgenerate
endmodule
