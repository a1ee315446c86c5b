// What memory.sv does, as one array in one loop: a kernel of thousands of banks is compiled to a
// tenth of the C++. Of a clock every bank is read before it is written.
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
  localparam int AW = DEPTH > 1 ? $clog2(DEPTH) : 1, ROWS = 1 << AW, W = BITS / BYTES;
  logic [BITS-1:0] content[0:BANKS*ROWS-1];
  always_ff @(posedge clk)
    for (int b = 0; b < BANKS; b = b + 1) begin
      q[b] <= content[b*ROWS+int'(from[b*READ_ROWS/BANKS][AW-1:0])];
      for (int i = 0; i < BYTES; i = i + 1)
        if (write[b][i])
          content[b*ROWS+int'(to[b*WRITE_ROWS/BANKS][AW-1:0])][i*W+:W] = d[b][i*W+:W];
    end
endmodule
