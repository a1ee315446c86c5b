// A queue. `q` is its first word wherever `valid`, and `pop` takes it; `push` is allowed where
// `ready`. A word can be taken two clocks after it was pushed. STORAGE as a ram's.
module fifo #(
    parameter int BITS = 8, DEPTH = 64, STORAGE = 0, LW = $clog2(DEPTH + 1)
) (
    input logic clk, rst,
    input logic push,
    input logic [BITS-1:0] d,
    output logic ready,
    input logic pop,
    output logic valid,
    output logic [BITS-1:0] q,
    output logic [LW-1:0] level
);
  localparam int AW = DEPTH > 1 ? $clog2(DEPTH) : 1;
  logic [AW-1:0] to, from, after, next;
  assign after = from == AW'(DEPTH - 1) ? '0 : from + 1'b1;
  assign next = pop ? after : from;
  assign ready = level != LW'(DEPTH);
  always_ff @(posedge clk) begin
    if (rst) begin
      {to, from, level, valid} <= '0;
    end else begin
      if (push) to <= to == AW'(DEPTH - 1) ? '0 : to + 1'b1;
      from <= next;
      level <= level + LW'(push) - LW'(pop);
      valid <= level != LW'(pop);  // what is pushed now cannot be read yet
    end
`ifndef SYNTHESIS
    if (~rst & push & ~ready) $fatal(1, "a queue is written while full");
    if (~rst & pop & ~valid) $fatal(1, "a queue is read while empty");
`endif
  end
  ram #(.BITS(BITS), .DEPTH(DEPTH), .STORAGE(STORAGE)) cells (
      .clk(clk), .write(push), .to(to), .from(next), .d(d), .q(q));
endmodule
