// One memory with a write and a read port; what is read comes a clock later, and is what the
// memory held before a write of the same clock. A word is of BYTES equal parts, each with a write
// enable. STORAGE: 0 LUTs, 1 block RAM, 2 UltraRAM.
module ram #(
    parameter int BITS = 8, DEPTH = 64, STORAGE = 0, BYTES = 1,
    parameter int AW = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input logic clk,
    input logic [BYTES-1:0] write,
    input logic [AW-1:0] to, from,
    input logic [BITS-1:0] d,
    output logic [BITS-1:0] q
);
  localparam int W = BITS / BYTES;
  generate
    if (STORAGE == 0) begin : luts
      (* ram_style = "distributed" *) logic [BITS-1:0] content[0:DEPTH-1];
      always_ff @(posedge clk) begin
        for (int i = 0; i < BYTES; i = i + 1) if (write[i]) content[to][i*W+:W] <= d[i*W+:W];
        q <= content[from];
      end
    end else if (STORAGE == 1) begin : block
      (* ram_style = "block" *) logic [BITS-1:0] content[0:DEPTH-1];
      always_ff @(posedge clk) begin
        for (int i = 0; i < BYTES; i = i + 1) if (write[i]) content[to][i*W+:W] <= d[i*W+:W];
        q <= content[from];
      end
    end else begin : ultra
      (* ram_style = "ultra" *) logic [BITS-1:0] content[0:DEPTH-1];
      always_ff @(posedge clk) begin
        for (int i = 0; i < BYTES; i = i + 1) if (write[i]) content[to][i*W+:W] <= d[i*W+:W];
        q <= content[from];
      end
    end
  endgenerate
endmodule
