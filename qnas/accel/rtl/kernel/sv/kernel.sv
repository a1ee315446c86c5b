// The accelerator behind its ports: units, the memories that they share, and the sequence of
// stages.
module kernel (
    input logic clk, rst, start,
    input logic [31:0] images, network,
    output logic busy,
    input logic word_valid,
    input logic [plan::STREAM_BITS-1:0] word,
    output logic word_ready,
    input logic pixels_valid,
    input logic [plan::PORT_BITS-1:0] pixels,
    output logic pixels_ready,
    output logic answer_valid, answer_last,
    output logic [31:0] answer_d,
    input logic answer_ready
);
  localparam int TT = plan::TT, TK = plan::TK, R = plan::ROW_BITS;
  localparam int S = plan::SCORE_BITS, PAIRS = plan::DRAIN_PAIRS, WX = plan::ACT_BITS;
  localparam int I = plan::STAGE_INDEX_BITS;
  plan::stage_t stage, softmax_stage;
  logic [plan::UNITS-1:0] starts, busies;
  logic finished, softmax_finished, pass_finished;
  logic [I-1:0] finished_index, softmax_index;
  sequencer steps (
      .clk(clk), .rst(rst), .start(start), .images(images), .network(network), .busy(busy),
      .stage(stage), .softmax_stage(softmax_stage), .starts(starts), .busies(busies),
      .finished(finished), .softmax_finished(softmax_finished), .pass_finished(pass_finished),
      .finished_index(finished_index), .softmax_index(softmax_index));


  // The weight stream, of which one unit at a time takes words: a softmax its own before the
  // products beside it.
  logic residual_ready, norm_ready, softmax_ready, engine_ready;
  assign word_ready = residual_ready | norm_ready | softmax_ready | engine_ready;

  // Patches and normed tokens, and what the engine makes: activation memory.
  logic patches_write, norm_write;
  logic [TT-1:0] patches_bank, norm_bank;
  logic [TK-1:0] patches_lane, norm_lane;
  logic [R-1:0] patches_row, norm_row, act_from;
  logic [TK-1:0][WX-1:0] patches_d, norm_d;
  logic [TT-1:0][TK-1:0] act_write;
  logic [TT-1:0][TK-1:0][R-1:0] act_to;
  logic [TT-1:0][TK-1:0][WX-1:0] act_d, act;
  plan::place_t place;
  logic [PAIRS-1:0][TT-1:0][17:0] results;
  logic [TT-1:0][R-1:0] table_from;
  logic [TT-1:0][plan::GELU_LANES-1:0][WX-1:0] entries;
  load_patches patches (
      .clk(clk), .rst(rst), .start(starts[plan::LOAD_PATCHES]), .stage(stage),
      .busy(busies[plan::LOAD_PATCHES]), .word_valid(pixels_valid), .word(pixels),
      .word_ready(pixels_ready), .write(patches_write), .bank(patches_bank),
      .lane(patches_lane), .row(patches_row), .d(patches_d));
  write_activations activations (
      .clk(clk), .rst(rst), .stage(stage), .place(place), .results(results),
      .token_write(patches_write | norm_write),
      .token_bank(norm_write ? norm_bank : patches_bank),
      .token_lane(norm_write ? norm_lane : patches_lane),
      .token_row(norm_write ? norm_row : patches_row),
      .token_d(norm_write ? norm_d : patches_d), .table_row(table_from), .entries(entries),
      .write(act_write), .row(act_to), .d(act_d));
  activation_memory act_memory (
      .clk(clk), .write(act_write), .to(act_to), .from(act_from), .d(act_d), .q(act));

  // The residual stream.
  logic loaded_write;
  logic [plan::RESIDUAL_TURN_BITS-1:0] loaded_turn;
  logic [R-1:0] loaded_row, norm_from;
  logic [plan::RESIDUAL_LANES-1:0][15:0] loaded_d;
  logic [plan::RESIDUAL_BANKS-1:0] residual_write;
  logic [plan::RESIDUAL_BANKS-1:0][R-1:0] residual_to, residual_from;
  logic [plan::RESIDUAL_BANKS-1:0][15:0] residual_d, residual;
  load_residual position (
      .clk(clk), .rst(rst), .start(starts[plan::LOAD_RESIDUAL]), .stage(stage),
      .busy(busies[plan::LOAD_RESIDUAL]), .word_valid(word_valid), .word(word),
      .word_ready(residual_ready), .write(loaded_write), .turn(loaded_turn), .row(loaded_row),
      .d(loaded_d));
  add_residual add (
      .clk(clk), .rst(rst), .stage(stage), .place(place), .results(results[0]),
      .load_write(loaded_write), .load_turn(loaded_turn), .load_row(loaded_row),
      .norm_row(norm_from), .load_d(loaded_d), .from(residual_from), .old(residual),
      .write(residual_write), .row(residual_to), .d(residual_d));
  memory #(.BITS(16), .BANKS(plan::RESIDUAL_BANKS), .DEPTH(plan::RESIDUAL_ROWS),
      .STORAGE(plan::RESIDUAL_STORAGE), .WRITE_ROWS(plan::RESIDUAL_BANKS),
      .READ_ROWS(plan::RESIDUAL_BANKS)) residual_memory (
      .clk(clk), .write(residual_write), .to(residual_to),
      .from(residual_from), .d(residual_d), .q(residual));
  layer_norm norm (
      .clk(clk), .rst(rst), .start(starts[plan::LAYER_NORM]), .stage(stage),
      .busy(busies[plan::LAYER_NORM]), .word_valid(word_valid), .word(word),
      .word_ready(norm_ready), .from(norm_from), .residual(residual), .write(norm_write),
      .bank(norm_bank), .lane(norm_lane), .row(norm_row), .d(norm_d));

  // Attention: keys, and a copy a head buffer of scores, probabilities and scales of queries.
  localparam int QUERIES = plan::LOAD_PAIRS;
  logic [TK-1:0] key_write;
  logic [TK-1:0][R-1:0] key_to;
  logic [TK-1:0][7:0] key_d, key;
  logic [QUERIES-1:0][TK-1:0] prob_write;
  logic [QUERIES-1:0][TK-1:0][7:0] prob_d, prob;
  logic [R-1:0] pair_row, prob_to, score_from, query_scale_to, scale_from;
  logic [plan::SCORE_BANKS-1:0] score_write;
  logic [plan::SCORE_GROUPS-1:0][R-1:0] score_to;
  logic [plan::SCORE_BANKS-1:0][S-1:0] score_d, score;
  logic [PAIRS-1:0] query_scale_write;
  logic [PAIRS-1:0][23:0] query_scale_d, scales;
  plan::rows_t coming, rows;
  logic [plan::SCORE_PAIRS-1:0][TT-1:0][26:0] sums;
  write_keys key_writes (
      .clk(clk), .rst(rst), .stage(stage), .place(place), .results(results[0]),
      .write(key_write), .row(key_to), .d(key_d));
  memory #(.BITS(8), .BANKS(TK), .DEPTH(plan::KEY_ROWS), .STORAGE(plan::KEY_STORAGE),
      .WRITE_ROWS(TK)) key_memory (
      .clk(clk), .write(key_write), .to(key_to), .from(pair_row), .d(key_d), .q(key));
  write_scores score_writes (
      .clk(clk), .rst(rst), .stage(stage), .coming(coming), .rows(rows), .sums(sums),
      .write(score_write), .row(score_to), .d(score_d));
  memory #(.BITS(S), .BANKS(plan::SCORE_BANKS), .DEPTH(plan::SCORE_ROWS),
      .STORAGE(plan::SCORE_STORAGE), .WRITE_ROWS(plan::SCORE_GROUPS)) score_memory (
      .clk(clk), .write(score_write), .to(score_to), .from(score_from), .d(score_d), .q(score));
  softmax probabilities (
      .clk(clk), .rst(rst), .start(starts[plan::SOFTMAX]), .stage(softmax_stage),
      .busy(busies[plan::SOFTMAX]), .word_valid(word_valid), .word(word),
      .word_ready(softmax_ready), .from(score_from), .score(score), .write(prob_write),
      .row(prob_to), .d(prob_d), .scale_write(query_scale_write), .scale_row(query_scale_to),
      .scale(query_scale_d));
  memory #(.BITS(8), .BANKS(QUERIES * TK), .DEPTH(plan::PROB_ROWS),
      .STORAGE(plan::PROB_STORAGE)) prob_memory (
      .clk(clk), .write(prob_write), .to(prob_to), .from(pair_row), .d(prob_d), .q(prob));
  memory #(.BITS(24), .BANKS(PAIRS), .DEPTH(plan::QUERY_SCALE_ROWS),
      .STORAGE(plan::QUERY_SCALE_STORAGE)) query_scale_memory (
      .clk(clk), .write(query_scale_write), .to(query_scale_to), .from(scale_from),
      .d(query_scale_d), .q(scales));

  logic [31:0] logit;
  logic [R-1:0] logit_from;
  logic logit_write;
  logic [R-1:0] logit_to;
  logic [31:0] logit_d;
  engine gemm (
      .clk(clk), .rst(rst), .start(starts[plan::GEMM]), .stage(stage),
      .busy(busies[plan::GEMM]), .word_valid(word_valid & ~softmax_ready), .word(word),
      .word_ready(engine_ready), .act_row(act_from), .pair_row(pair_row),
      .scale_row(scale_from), .act(act), .key(key), .prob(prob), .scales(scales),
      .coming(coming), .rows(rows), .sums(sums), .place(place), .results(results),
      .logit(logit_d), .table_from(table_from), .entries(entries));

  assign logit_to = place.row;
  assign logit_write = place.valid[0] & stage.dst == plan::DST_LOGITS;
  memory #(.BITS(32), .BANKS(1), .DEPTH(plan::BATCH * plan::CLASSES), .STORAGE(plan::LOGIT_STORAGE))
  logit_memory (
      .clk(clk), .write(logit_write), .to(logit_to),
      .from(logit_from), .d(logit_d), .q(logit));
  store_logits store (
      .clk(clk), .rst(rst), .start(starts[plan::STORE_LOGITS]),
      .busy(busies[plan::STORE_LOGITS]), .from(logit_from), .logit(logit), .valid(answer_valid),
      .last(answer_last), .d(answer_d), .ready(answer_ready));
endmodule
