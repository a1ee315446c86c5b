// GELU's table (NUMERICS.md, section 3): a copy a lane, whose banks a port word fills at once.

// One vector is {payload, op}; op 0: {bank row, PORT / 8 entries, a byte each}; op 1: LANES indices of
// 8 bits. An answer to these: LANES entries.
module block_gelu #(
    parameter int LANES = 1, PORT = 128, BANKS = PORT / 8, DEPTH = 256 / BANKS,
    parameter int AW = $clog2(DEPTH), BW = $clog2(BANKS),
    parameter int P = PORT + AW > LANES * 8 ? PORT + AW : LANES * 8, IN = P + 1, OUT = LANES * 6
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  logic [P-1:0] payload;
  logic writes;
  logic [1:0] done;
  assign payload = in_data[IN-1:1];
  assign writes = ~in_data[0];
  assign in_ready = 1'b1;
  assign busy = 1'b0;
  always_ff @(posedge clk) done <= rst ? '0 : {done[0], in_valid & ~writes};
  assign out_valid = done[1];
  generate
    for (genvar i = 0; i < LANES; i = i + 1) begin : lane
      logic [7:0] entry;
      logic [BW-1:0] chosen;
      logic [BANKS*6-1:0] read;
      assign entry = payload[i*8+:8] ^ 8'h80;  // index -128 is entry 0
      for (genvar b = 0; b < BANKS; b = b + 1) begin : entries
        bank #(.BITS(6), .DEPTH(DEPTH)) memory (
            .clk(clk), .write(in_valid & writes), .to(payload[PORT+:AW]), .from(entry[7:BW]),
            .d(payload[b*8+:6]), .q(read[b*6+:6]));
      end
      logic [5:0] q;
      choose #(.INPUTS(BANKS), .BITS(6)) choose_entry (.values(read), .index(chosen), .q(q));
      always_ff @(posedge clk) begin
        chosen <= entry[BW-1:0];
        out_data[i*6+:6] <= q;
      end
    end
  endgenerate
endmodule
