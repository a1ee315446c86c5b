// A buffer of the plan: BANKS memories of DEPTH words, a write and a read port each; a word is of
// BYTES equal parts, each with a write enable. Neighbouring banks share a row where there are fewer
// WRITE_ROWS or READ_ROWS than banks. What is read comes a clock later.
module memory #(
    parameter int BITS = 8, BANKS = 1, DEPTH = 64, STORAGE = 0, BYTES = 1,
    parameter int WRITE_ROWS = 1, READ_ROWS = 1
) (
    input logic clk,
    input logic [BANKS-1:0][BYTES-1:0] write,
    input logic [WRITE_ROWS-1:0][plan::ROW_BITS-1:0] to,
    input logic [READ_ROWS-1:0][plan::ROW_BITS-1:0] from,
    input logic [BANKS-1:0][BITS-1:0] d,
    output logic [BANKS-1:0][BITS-1:0] q
);
  localparam int AW = DEPTH > 1 ? $clog2(DEPTH) : 1;
  generate
    for (genvar b = 0; b < BANKS; b = b + 1) begin : bank
      ram #(.BITS(BITS), .DEPTH(DEPTH), .STORAGE(STORAGE), .BYTES(BYTES)) cells (
          .clk(clk), .write(write[b]), .to(to[b*WRITE_ROWS/BANKS][AW-1:0]),
          .from(from[b*READ_ROWS/BANKS][AW-1:0]), .d(d[b]), .q(q[b]));
    end
  endgenerate
endmodule
