// Loads the nibble operand of a GEMM, row tile by row tile, into alternate halves of the weight
// memory: from the weight stream (before the first tile GELU's table, before each the parameters
// of its rows), or, in attention, from key or probability memory. It runs ahead of the array as
// far as the memories allow: two row tiles of nibbles, and of row parameters as many as may be on
// their way through the array.
module loader (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    input logic word_valid,
    input logic [plan::STREAM_BITS-1:0] word,
    output logic word_ready,
    // A row of key and probability memory, two clocks after `pair_row`'s request: of a key, of
    // LOAD_PAIRS queries.
    output logic [plan::ROW_BITS-1:0] pair_row,
    input logic [plan::TK-1:0][7:0] key,
    input logic [plan::LOAD_PAIRS-1:0][plan::TK-1:0][7:0] prob,
    // Row tiles that are multiplied and drained, and those that are loaded.
    input logic [plan::COUNT_BITS-1:0] multiplied, drained,
    output logic [plan::COUNT_BITS-1:0] loaded,
    output logic table_write, param_write,
    output logic [plan::ROW_BITS-1:0] table_row, param_row,
    output logic [plan::STREAM_BITS-1:0] word_d,  // for the table, the parameters
    output logic [plan::TM*plan::TK/plan::WEIGHT_LANES-1:0] weight_write,
    output logic [plan::ROW_BITS-1:0] weight_row,
    output logic [plan::TM*plan::TK-1:0][3:0] weight_d
);
  localparam int TM = plan::TM, TK = plan::TK, C = plan::COUNT_BITS, R = plan::ROW_BITS;
  localparam int PER_WORD = plan::STREAM_BITS / 4;
  localparam int TURN = TK > 1 ? $clog2(TK) : 1, LANES = plan::WEIGHT_LANES;
  localparam int PAIRS_AT_ONCE = plan::LOAD_PAIRS;
  typedef enum logic [2:0] {IDLE, TABLE, WAIT, PARAMS, NIBBLES, PAIRS} state_t;
  state_t state;
  logic attention, is_key, from_stream, take, step, tile_ends;
  logic [C-1:0] tile, i, beat, part;  // `i` counts the words of the table or of the parameters
  logic [TURN-1:0] key_turn;  // of a key's banks
  logic [C-1:0] elements;  // of a key or of queries, that are left
  logic [R-1:0] first_address, address, param_base;
  assign attention = stage.left != plan::WEIGHTS;
  assign is_key = stage.left == plan::KEY;
  assign from_stream = state == TABLE | state == PARAMS | state == NIBBLES;
  assign word_ready = from_stream;
  assign take = from_stream & word_valid;
  assign step = take | state == PAIRS;
  // The images of a pass: each has keys and probabilities of its own.
  logic [R-1:0] next_image;  // its first row
  logic wraps, all, through;  // to the next image; the last tile of all images, and behind it
  // Whether a tile has room, and the one after it.
  logic room, next_room, last_tile, tiles_end, last_beat, last_part;
  assign room = tile - multiplied < 2 & (attention | tile - drained < C'(plan::ROW_PARAM_TILES));
  assign next_room = tile - multiplied < 1 &
      (attention | tile - drained < C'(plan::ROW_PARAM_TILES - 1));
  assign last_tile = plan::BATCH > 1 ? all : tile == stage.row_tiles - 1'b1;
  assign tiles_end = plan::BATCH > 1 ? through : tile == stage.row_tiles;
  assign last_beat = beat == stage.beats - 1'b1;
  assign last_part = part == (is_key ? C'(TM / 2 - 1) :
      attention ? C'(TM / 2 / PAIRS_AT_ONCE - 1) : C'(plan::BEAT_WORDS - 1));
  assign tile_ends = (state == NIBBLES | state == PAIRS) & step & last_beat & last_part;

  assign first_address = stage.left == plan::PROBS & stage.half ? R'(plan::PROB_ROWS / 2)
                                                                : stage.left_base;
  generate
    if (plan::BATCH > 1) begin : several
      logic moves, ends;
      tile_images images (
          .clk(clk), .start(state == IDLE), .next(tile_ends), .own(1'b1),
          .row_tiles(stage.row_tiles), .first(first_address),
          .rows(is_key ? R'(plan::KEY_IMAGE_ROWS) : R'(plan::PROB_IMAGE_ROWS)),
          .following(next_image), .moves(moves), .ends_row_tile(), .ends(ends));
      assign all = attention ? ends : moves;
      assign wraps = last_part & moves;
      always_ff @(posedge clk) through <= state != IDLE & (through | (tile_ends & all));
    end else begin : one
      assign {wraps, all, through} = '0;
      assign next_image = '0;
    end
  endgenerate

  always_ff @(posedge clk) begin
    case (state)
      IDLE: begin
        {tile, i, beat, part, key_turn, param_base} <= '0;
        elements <= stage.inner;
        address <= first_address;
        if (start) state <= stage.dst == plan::DST_HIDDEN ? TABLE : WAIT;
      end
      TABLE:
      if (take) begin
        i <= i == C'(plan::GELU_ROWS - 1) ? '0 : i + 1'b1;
        if (i == C'(plan::GELU_ROWS - 1)) state <= WAIT;
      end
      WAIT:
      if (tiles_end) state <= IDLE;
      else if (room) state <= attention ? PAIRS : PARAMS;
      PARAMS:
      if (take) begin
        i <= i == stage.param_steps - 1'b1 ? '0 : i + 1'b1;
        if (i == stage.param_steps - 1'b1) state <= NIBBLES;
      end
      NIBBLES:  // word by word of a beat
      if (take) begin
        part <= last_part ? '0 : part + 1'b1;
        if (last_part) beat <= last_beat ? '0 : beat + 1'b1;
      end
      default: begin  // PAIRS: beat by beat of a key or of LOAD_PAIRS queries
        beat <= last_beat ? '0 : beat + 1'b1;
        elements <= last_beat ? stage.inner : elements - C'(TK);
        if (last_beat) begin
          part <= last_part ? '0 : part + 1'b1;
          key_turn <= wraps ? '0 : key_turn + 1'b1;
          address <= wraps ? next_image : address + stage.left_stride;
        end
      end
    endcase
    if (tile_ends) begin
      tile <= tile + 1'b1;
      param_base <= param_base == R'(plan::ROW_PARAM_ROWS - plan::ROW_PARAM_WORDS)
          ? '0 : param_base + R'(plan::ROW_PARAM_WORDS);
      state <= last_tile | ~next_room ? WAIT : attention ? PAIRS : PARAMS;
    end
    if (rst) state <= IDLE;
  end

  // Of the stream: a register, then the memories' write ports.
  logic nibbles_write;
  logic [C-1:0] word_part;
  logic [R-1:0] word_row, tile_row;
  assign tile_row = (tile[0] ? R'(plan::MAX_BEATS) : '0) + R'(beat);
  always_ff @(posedge clk) begin
    word_d <= word;
    table_write <= take & state == TABLE;
    param_write <= take & state == PARAMS;
    nibbles_write <= take & state == NIBBLES;
    table_row <= R'(i);
    param_row <= param_base + R'(i);
    word_part <= part;
    word_row <= tile_row;
  end

  // Of key or probability memory: request, read, choose, then the write port. Of a key the banks
  // are turned by its token. Beyond its elements everything is zero.
  logic [C-1:0] pair_part, part_q, inside_q;
  logic [R-1:0] pair_to, to_q;
  logic pair_write, write_q;
  logic [TURN-1:0] turn;
  logic [TK-1:0][7:0] turned;
  logic [PAIRS_AT_ONCE-1:0][TK-1:0][7:0] pairs;
  localparam int W = 1 + C + R + C + TURN;
  logic [W-1:0] request;
  assign request = {state == PAIRS, part, tile_row, elements, key_turn & TURN'(TK - 1)};
  delay #(.BITS(W), .CLOCKS(2)) wait_request (
      .clk(clk), .d(request), .q({write_q, part_q, to_q, inside_q, turn}));
  rotate #(.INPUTS(TK), .BITS(8)) turn_banks (.d(key), .by(turn), .q(turned));
  always_ff @(posedge clk) begin
    pair_row <= address + R'(beat);
    for (int l = 0; l < PAIRS_AT_ONCE; l = l + 1)
      for (int k = 0; k < TK; k = k + 1)
        pairs[l][k] <= (is_key ? turned[k] : prob[l][k]) & {8{inside_q > C'(k)}};
    pair_write <= write_q;
    pair_part <= part_q;
    pair_to <= to_q;
  end

  generate
    for (genvar s = 0; s < TM; s = s + 1) begin : slot
      localparam int PAIR = s / 2;
      for (genvar k = 0; k < TK; k = k + 1) begin : lane
        localparam int LANE = s * TK + k;
        logic [7:0] pair;
        logic [3:0] nibble;
        assign pair = pairs[PAIR%PAIRS_AT_ONCE][k];
        assign nibble = s % 2 == 0 ? pair[7:4] + 4'(pair[3]) : pair[3:0];
        assign weight_d[LANE] = attention ? nibble : word_d[LANE*4%plan::STREAM_BITS+:4];
      end
      for (genvar w = 0; w < TK / LANES; w = w + 1) begin : bank
        localparam int LANE = s * TK + w * LANES;
        assign weight_write[LANE/LANES] =
            is_key ? pair_write & pair_part == C'(PAIR) :
            attention ? pair_write & pair_part == C'(PAIR / PAIRS_AT_ONCE) :
            nibbles_write & word_part == C'(LANE / PER_WORD);
      end
    end
  endgenerate
  assign weight_row = attention ? pair_to : word_row;

  // A tile counts early enough for its first beat to be read the clock after its last write.
  logic written;
  logic [2:0] ends;
  assign written = attention ? ends[1] : tile_ends;
  always_ff @(posedge clk) begin
    ends <= {ends[1:0], tile_ends};
    loaded <= start ? '0 : loaded + C'(written);
    if (rst) {ends, loaded} <= '0;
  end
  assign busy = state != IDLE | (|ends);
endmodule
