// Writes words of 32 bits to memory, in order, in bursts. `last` marks the last word of a pass:
// `words` of them each. `busy` until memory has answered to all.
module axi_writer #(
    parameter int MOST_BEATS = 64
) (
    input logic clk, rst, start,
    input logic [63:0] address,
    input logic [31:0] words,
    output logic busy,
    input logic valid, last,
    input logic [31:0] d,
    output logic ready,
    output logic [63:0] awaddr,
    output logic [7:0] awlen,
    output logic awvalid,
    input logic awready,
    output logic [31:0] wdata,
    output logic wvalid, wlast,
    input logic wready,
    input logic bvalid
);
  typedef enum logic [1:0] {IDLE, MEASURE, ASK, SEND} state_t;
  state_t state;
  logic [31:0] left, pending;  // words of the pass, bursts without an answer
  logic [10:0] page, limit, beats, sent;
  assign page = 11'd1024 - {1'b0, awaddr[11:2]};  // words up to the end of 4096 bytes
  assign limit = page < 11'(MOST_BEATS) ? page : 11'(MOST_BEATS);
  assign awlen = 8'(beats - 1'b1);
  assign awvalid = state == ASK;
  assign wvalid = state == SEND & valid;
  assign ready = state == SEND & wready;
  assign wdata = d;
  assign wlast = sent == beats - 1'b1;
  assign busy = state != IDLE | pending != 0;
  always_ff @(posedge clk) begin
    pending <= pending + 32'(awvalid & awready) - 32'(bvalid);
    case (state)
      IDLE: if (valid) state <= MEASURE;
      MEASURE: begin
        beats <= left < 32'(limit) ? 11'(left) : limit;
        sent <= '0;
        state <= ASK;
      end
      ASK: if (awready) state <= SEND;
      default:  // SEND
      if (valid & wready) begin
        sent <= sent + 1'b1;
        awaddr <= awaddr + 64'd4;
        left <= last ? words : left - 1'b1;
        if (wlast) state <= last ? IDLE : MEASURE;
      end
    endcase
    if (start) begin
      awaddr <= address;
      left <= words;
    end
    if (rst) begin
      state <= IDLE;
      pending <= '0;
    end
  end
endmodule
