// The logits of all images of a pass, in order, to the port that writes them.
module store_logits (
    input logic clk, rst, start,
    output logic busy,
    output logic [plan::ROW_BITS-1:0] from,  // of logit memory, which answers a clock later
    input logic [31:0] logit,
    output logic valid, last,
    output logic [31:0] d,
    input logic ready
);
  localparam int C = plan::COUNT_BITS, R = plan::ROW_BITS;
  logic [C-1:0] index, next;
  logic read;
  assign next = valid & ready ? index + 1'b1 : index;
  assign from = R'(next);
  assign valid = busy & read;
  assign d = logit;
  assign last = index == C'(plan::BATCH * plan::CLASSES - 1);
  always_ff @(posedge clk) begin
    read <= busy;
    index <= start ? '0 : next;
    busy <= ~rst & (start | (busy & ~(valid & ready & last)));
  end
endmodule
