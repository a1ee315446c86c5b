// One memory with a write and a read port; what is read comes a clock later. BLOCK: in block RAM.
module bank #(parameter int BITS = 4, DEPTH = 64, BLOCK = 0, AW = DEPTH > 1 ? $clog2(DEPTH) : 1) (
    input logic clk, write,
    input logic [AW-1:0] to, from,
    input logic [BITS-1:0] d,
    output logic [BITS-1:0] q
);
  generate
    if (BLOCK != 0) begin : block_ram
      (* ram_style = "block" *) logic [BITS-1:0] memory[0:DEPTH-1];
      always_ff @(posedge clk) begin
        if (write) memory[to] <= d;
        q <= memory[from];
      end
    end else begin : lut_ram
      (* ram_style = "distributed" *) logic [BITS-1:0] memory[0:DEPTH-1];
      always_ff @(posedge clk) begin
        if (write) memory[to] <= d;
        q <= memory[from];
      end
    end
  endgenerate
endmodule

// A buffer of the plan, as a block of its own. One vector: {write, to, from, data of all banks}; the
// answer, a clock later, is what all banks hold at `from` (before this vector's write).
module block_buffer #(
    parameter int BITS = 4, BANKS = 1, DEPTH = 64, BLOCK = 0,
    parameter int AW = DEPTH > 1 ? $clog2(DEPTH) : 1,
    parameter int IN = BANKS * BITS + 2 * AW + 1, OUT = BANKS * BITS
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  assign in_ready = 1'b1;
  assign busy = 1'b0;
  always_ff @(posedge clk) out_valid <= in_valid & ~rst;
  generate
    for (genvar i = 0; i < BANKS; i = i + 1) begin : banks
      bank #(.BITS(BITS), .DEPTH(DEPTH), .BLOCK(BLOCK)) memory (
          .clk(clk), .write(in_valid & in_data[IN-1]), .to(in_data[OUT+AW+:AW]),
          .from(in_data[OUT+:AW]), .d(in_data[i*BITS+:BITS]), .q(out_data[i*BITS+:BITS]));
    end
  endgenerate
endmodule
