// One memory with a write and a read port; what is read comes a clock later, and is what the
// memory held before a write of the same clock. STORAGE: 0 LUTs, 1 block RAM, 2 UltraRAM.
module ram #(
    parameter int BITS = 8, DEPTH = 64, STORAGE = 0,
    parameter int AW = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input logic clk, write,
    input logic [AW-1:0] to, from,
    input logic [BITS-1:0] d,
    output logic [BITS-1:0] q
);
  generate
    if (STORAGE == 0) begin : luts
      (* ram_style = "distributed" *) logic [BITS-1:0] content[0:DEPTH-1];
      always_ff @(posedge clk) begin
        if (write) content[to] <= d;
        q <= content[from];
      end
    end else if (STORAGE == 1) begin : block
      (* ram_style = "block" *) logic [BITS-1:0] content[0:DEPTH-1];
      always_ff @(posedge clk) begin
        if (write) content[to] <= d;
        q <= content[from];
      end
    end else begin : ultra
      (* ram_style = "ultra" *) logic [BITS-1:0] content[0:DEPTH-1];
      always_ff @(posedge clk) begin
        if (write) content[to] <= d;
        q <= content[from];
      end
    end
  endgenerate
endmodule
