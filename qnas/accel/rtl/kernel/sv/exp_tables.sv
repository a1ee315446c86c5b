// EXP: 119 * 2**8 * 2**(-index / 256), for LANES lanes; what is read comes a clock later. A block RAM
// has two ports: it serves two lanes.
module exp_tables #(parameter int LANES = 2) (
    input logic clk,
    input logic [LANES-1:0][7:0] index,
    output logic [LANES-1:0][14:0] q
);
  generate
    for (genvar i = 0; i < LANES; i = i + 2) begin : pair
      if (i + 1 < LANES) begin : two
        exp_rom rom (
            .clk(clk), .first(index[i]), .second(index[i+1]), .first_q(q[i]), .second_q(q[i+1]));
      end else begin : one
        exp_rom rom (
            .clk(clk), .first(index[i]), .second(index[i]), .first_q(q[i]), .second_q());
      end
    end
  endgenerate
endmodule
