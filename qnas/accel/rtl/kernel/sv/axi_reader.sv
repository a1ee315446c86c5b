// Reads a stream of words from memory, in order, in bursts: `words` of them for every BATCH of
// `images`, each time from `address` again where REPEATS, else on from where the last one ended. A
// burst is asked for when its words have room in the queue, so that the port never waits for whoever
// takes them. It never crosses 4096 bytes, as AXI demands; `address` is a multiple of a word.
module axi_reader #(
    parameter int BITS = 128, REPEATS = 0, BATCH = 1, DEPTH = 512, MOST_BEATS = 64
) (
    input logic clk, rst, start,
    input logic [63:0] address,
    input logic [31:0] words, images,
    output logic [63:0] araddr,
    output logic [7:0] arlen,
    output logic arvalid,
    input logic arready,
    input logic [BITS-1:0] rdata,
    input logic rvalid,
    output logic valid,
    output logic [BITS-1:0] word,
    input logic pop
);
  localparam int BYTES_LOG = $clog2(BITS / 8), PAGE_LOG = 12 - BYTES_LOG;
  localparam int MOST = MOST_BEATS < (1 << PAGE_LOG) ? MOST_BEATS : 1 << PAGE_LOG;
  localparam int B = PAGE_LOG + 1, LW = $clog2(DEPTH + 1);
  typedef enum logic [1:0] {IDLE, MEASURE, RESERVE, ASK} state_t;
  state_t state;
  logic [31:0] left, images_left;
  logic [B-1:0] page, limit, beats;
  logic [LW-1:0] taken;  // words of the queue that are full or asked for
  logic ends_round, last_round;
  assign page = B'(1 << PAGE_LOG) - {1'b0, araddr[11:BYTES_LOG]};  // words up to its end
  assign limit = page < B'(MOST) ? page : B'(MOST);
  assign arlen = 8'(beats - 1'b1);
  assign arvalid = state == ASK;
  always_ff @(posedge clk) begin
    taken <= taken + (arvalid & arready ? LW'(beats) : '0) - LW'(pop);
    case (state)
      IDLE: begin
        araddr <= address;
        left <= words;
        images_left <= images;
        if (start) state <= MEASURE;
      end
      MEASURE: begin
        beats <= left < 32'(limit) ? B'(left) : limit;
        state <= RESERVE;
      end
      RESERVE: begin
        ends_round <= left == 32'(beats);
        last_round <= images_left == BATCH;
        if (32'(taken) + 32'(beats) <= 32'(DEPTH)) state <= ASK;
      end
      default:  // ASK
      if (arready) begin
        araddr <= araddr + (64'(beats) << BYTES_LOG);
        left <= left - 32'(beats);
        state <= MEASURE;
        if (ends_round) begin
          left <= words;
          if (REPEATS != 0) araddr <= address;
          images_left <= images_left - 32'(BATCH);
          if (last_round) state <= IDLE;
        end
      end
    endcase
    if (rst) begin
      state <= IDLE;
      taken <= '0;
    end
  end
  fifo #(.BITS(BITS), .DEPTH(DEPTH), .STORAGE(1)) queue (
      .clk(clk), .rst(rst), .push(rvalid), .d(rdata), .ready(), .pop(pop), .valid(valid), .q(word),
      .level());
endmodule
