// Class token and position embedding from the weight stream into residual memory, RESIDUAL_LANES
// channels of 16 bits a word, token by token. The first of them goes into bank `turn`.
module load_residual (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    input logic word_valid,
    input logic [plan::STREAM_BITS-1:0] word,
    output logic word_ready,
    output logic write,
    output logic [plan::RESIDUAL_TURN_BITS-1:0] turn,
    output logic [plan::ROW_BITS-1:0] row,
    output logic [plan::RESIDUAL_LANES-1:0][15:0] d
);
  localparam int LANES = plan::RESIDUAL_LANES, LOG = $clog2(LANES), C = plan::COUNT_BITS;
  localparam int PART_LOG = $clog2(plan::RESIDUAL_BANKS / LANES), BY = plan::RESIDUAL_TURN_BITS;
  logic [C-1:0] group, groups, token;
  logic [plan::ROW_BITS-1:0] first_row;
  logic running, ends, take;
  logic [1:0] adding;  // behind the last word
  assign groups = (stage.rows + C'(LANES - 1)) >> LOG;
  assign word_ready = running;
  assign take = running & word_valid;
  vector_cursor cursor (
      .clk(clk), .start(start), .next(take), .tokens(stage.tokens), .vectors(groups), .base('0),
      .stride(plan::ROW_BITS'(plan::RESIDUAL_STRIDE)), .v(group), .token(token), .bank(),
      .row(first_row), .first(), .last(), .ends(ends));
  always_ff @(posedge clk) begin
    running <= ~rst & (start | (running & ~(take & ends)));
    write <= take & ~rst;
    adding <= rst ? '0 : {adding[0], write};
    turn <= BY'(token + (group << LOG)) & BY'(plan::RESIDUAL_BANKS - 1);
    row <= first_row + plan::ROW_BITS'(group >> PART_LOG);
    for (int i = 0; i < LANES; i = i + 1) d[i] <= word[i*16+:16];
  end
  assign busy = running | write | (|adding);
endmodule
