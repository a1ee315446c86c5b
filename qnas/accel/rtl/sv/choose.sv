// q = values[index], of INPUTS values.
module choose #(parameter int INPUTS = 2, BITS = 8, IW = INPUTS > 1 ? $clog2(INPUTS) : 1) (
    input logic [INPUTS*BITS-1:0] values,
    input logic [IW-1:0] index,
    output logic [BITS-1:0] q
);
  localparam int LOW = 1 << (IW - 1);  // what the top bit of the index divides
  generate
    if (INPUTS == 1) begin : one
      assign q = values;
    end else begin : many
      localparam int LW = IW > 1 ? IW - 1 : 1;
      localparam int HIGH = INPUTS - LOW, HW = HIGH > 1 ? $clog2(HIGH) : 1;
      logic [BITS-1:0] low, high;
      choose #(.INPUTS(LOW), .BITS(BITS)) below (
          .values(values[LOW*BITS-1:0]), .index(index[LW-1:0]), .q(low));
      choose #(.INPUTS(HIGH), .BITS(BITS)) above (
          .values(values[INPUTS*BITS-1:LOW*BITS]), .index(index[HW-1:0]), .q(high));
      assign q = index[IW-1] ? high : low;
    end
  endgenerate
endmodule
