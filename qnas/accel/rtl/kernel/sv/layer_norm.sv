// LayerNorm of tokens of the residual stream: parameters from the weight stream, then two passes
// that run side by side, a token apart.
module layer_norm (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    input logic word_valid,
    input logic [plan::STREAM_BITS-1:0] word,
    output logic word_ready,
    output logic [plan::ROW_BITS-1:0] from,
    input logic [plan::RESIDUAL_BANKS-1:0][15:0] residual,
    output logic write,
    output logic [plan::TT-1:0] bank,
    output logic [plan::TK-1:0] lane,
    output logic [plan::ROW_BITS-1:0] row,
    output logic [plan::TK-1:0][plan::ACT_BITS-1:0] d
);
  localparam int VL = plan::VL, C = plan::COUNT_BITS, R = plan::ROW_BITS;
  localparam int PER_WORD = plan::STREAM_BITS / 64, BANKS = plan::NORM_PARAM_BANKS;
  localparam int PARTS = BANKS / PER_WORD, WORD_LOG = $clog2(PER_WORD), PART_LOG = $clog2(PARTS);
  // Parameters: a word of scalars, then PER_WORD channels a word.
  logic loading, scalars, take, starts;
  logic [C-1:0] i, words;
  logic [5:0] shift;
  logic [31:0] epsilon;
  assign words = (stage.rows + C'(PER_WORD - 1)) >> WORD_LOG;
  assign word_ready = loading;
  assign take = loading & word_valid;
  logic [BANKS-1:0] param_write;
  logic [R-1:0] param_to, param_row;
  logic [BANKS-1:0][53:0] param_d, params;
  always_ff @(posedge clk) begin
    loading <= ~rst & (start | (loading & ~(take & ~scalars & i == words - 1'b1)));
    starts <= ~rst & take & ~scalars & i == words - 1'b1;
    if (start) begin
      i <= '0;
      scalars <= 1'b1;
    end else if (take) begin
      i <= scalars ? '0 : i + 1'b1;
      scalars <= 1'b0;
    end
    if (take & scalars) {epsilon, shift} <= {word[39:8], word[5:0]};
    param_to <= R'(i >> PART_LOG);
    for (int b = 0; b < BANKS; b = b + 1) begin
      param_write[b] <= take & ~scalars & (i & C'(PARTS - 1)) == C'(b / PER_WORD);
      param_d[b] <= word[b%PER_WORD*64+:54];
    end
  end
  memory #(.BITS(54), .BANKS(BANKS), .DEPTH(plan::NORM_PARAM_ROWS),
      .STORAGE(plan::NORM_PARAM_STORAGE)) norm_param (
      .clk(clk), .write(param_write), .to(param_to),
      .from(param_row), .d(param_d), .q(params));

  logic vector_push, vector_valid, vector_pop, scale_push, scale_valid, scale_pop, passing;
  logic [VL-1:0][15:0] read, vector;
  logic [50:0] found, scale;
  statistics first_pass (
      .clk(clk), .rst(rst), .start(starts), .stage(stage), .epsilon(epsilon), .from(from),
      .residual(residual), .vector_push(vector_push), .scale_push(scale_push), .vector(read),
      .scale(found));
  fifo #(.BITS(VL * 16), .DEPTH(plan::RESIDUAL_STREAM_DEPTH),
      .STORAGE(plan::RESIDUAL_STREAM_STORAGE)) vectors (
      .clk(clk), .rst(rst), .push(vector_push), .d(read), .ready(), .pop(vector_pop),
      .valid(vector_valid), .q(vector), .level());
  fifo #(.BITS(51), .DEPTH(plan::RESULT_DEPTH)) scales (
      .clk(clk), .rst(rst), .push(scale_push), .d(found), .ready(), .pop(scale_pop),
      .valid(scale_valid), .q(scale), .level());
  normalise second_pass (
      .clk(clk), .rst(rst), .start(starts), .stage(stage), .shift(shift), .busy(passing),
      .vector_valid(vector_valid), .scale_valid(scale_valid), .vector_pop(vector_pop),
      .scale_pop(scale_pop), .vector(vector), .scale(scale), .param_row(param_row), .params(params),
      .write(write), .bank(bank), .lane(lane), .row(row), .d(d));
  assign busy = loading | starts | passing;
endmodule
