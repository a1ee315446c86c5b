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
    // A row of key and probability memory, two clocks after `pair_row`'s request.
    output logic [plan::ROW_BITS-1:0] pair_row,
    input logic [plan::TK-1:0][7:0] key, prob,
    // Row tiles that are multiplied and drained, and those that are loaded.
    input logic [plan::COUNT_BITS-1:0] multiplied, drained,
    output logic [plan::COUNT_BITS-1:0] loaded,
    output logic table_write, param_write,
    output logic [plan::ROW_BITS-1:0] table_row, param_row,
    output logic [plan::STREAM_BITS-1:0] word_d,  // for the table, the parameters
    output logic [plan::TM*plan::TK-1:0] weight_write,
    output logic [plan::ROW_BITS-1:0] weight_row,
    output logic [plan::TM*plan::TK-1:0][3:0] weight_d
);
  localparam int TM = plan::TM, TK = plan::TK, C = plan::COUNT_BITS, R = plan::ROW_BITS;
  localparam int PER_WORD = plan::STREAM_BITS / 4;
  localparam int TURN = TK > 1 ? $clog2(TK) : 1;
  typedef enum logic [2:0] {IDLE, TABLE, WAIT, PARAMS, NIBBLES, PAIRS} state_t;
  state_t state;
  logic attention, from_stream, take, step, tile_ends;
  logic [C-1:0] tile, i, beat, part;  // `i` counts the words of the table or of the parameters
  logic [C-1:0] key_row, elements;  // the key or query, and how many of its elements are left
  logic [R-1:0] address, param_base;
  assign attention = stage.left != plan::WEIGHTS;
  assign from_stream = state == TABLE | state == PARAMS | state == NIBBLES;
  assign word_ready = from_stream;
  assign take = from_stream & word_valid;
  assign step = take | state == PAIRS;
  // Whether a tile has room, and the one after it.
  logic room, next_room, last_tile, last_beat, last_part;
  assign room = tile - multiplied < 2 & (attention | tile - drained < C'(plan::ROW_PARAM_TILES));
  assign next_room = tile - multiplied < 1 &
      (attention | tile - drained < C'(plan::ROW_PARAM_TILES - 1));
  assign last_tile = tile == stage.row_tiles - 1'b1;
  assign last_beat = beat == stage.beats - 1'b1;
  assign last_part = attention ? part == C'(TM / 2 - 1) : part == C'(plan::BEAT_WORDS - 1);
  assign tile_ends = (state == NIBBLES | state == PAIRS) & step & last_beat & last_part;

  always_ff @(posedge clk) begin
    case (state)
      IDLE: begin
        {tile, i, beat, part, key_row, param_base} <= '0;
        elements <= stage.inner;
        address <= stage.left == plan::PROBS & stage.half ? R'(plan::PROB_ROWS / 2)
                                                          : stage.left_base;
        if (start) state <= stage.dst == plan::DST_HIDDEN ? TABLE : WAIT;
      end
      TABLE:
      if (take) begin
        i <= i == C'(plan::GELU_ROWS - 1) ? '0 : i + 1'b1;
        if (i == C'(plan::GELU_ROWS - 1)) state <= WAIT;
      end
      WAIT:
      if (tile == stage.row_tiles) state <= IDLE;
      else if (room) state <= attention ? PAIRS : PARAMS;
      PARAMS:
      if (take) begin
        i <= i == C'(plan::ROW_PARAM_WORDS - 1) ? '0 : i + 1'b1;
        if (i == C'(plan::ROW_PARAM_WORDS - 1)) state <= NIBBLES;
      end
      NIBBLES:  // word by word of a beat
      if (take) begin
        part <= last_part ? '0 : part + 1'b1;
        if (last_part) beat <= last_beat ? '0 : beat + 1'b1;
      end
      default: begin  // PAIRS: beat by beat of a row
        beat <= last_beat ? '0 : beat + 1'b1;
        elements <= last_beat ? stage.inner : elements - C'(TK);
        if (last_beat) begin
          part <= last_part ? '0 : part + 1'b1;
          key_row <= key_row + 1'b1;
          address <= address + stage.left_stride;
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
  // are turned by its token. Beyond the matrix everything is zero.
  logic [C-1:0] pair_part, part_q, inside_q;
  logic [R-1:0] pair_to, to_q;
  logic pair_write, write_q, is_key;
  logic [TURN-1:0] turn;
  logic [TK-1:0][7:0] turned, pairs;
  localparam int W = 1 + C + R + C + TURN;
  logic [W-1:0] request;
  assign is_key = stage.left == plan::KEY;
  assign request = {state == PAIRS, part, tile_row, key_row < stage.rows ? elements : C'(0),
      TURN'(is_key ? key_row : C'(0))};
  delay #(.BITS(W), .CLOCKS(2)) wait_request (
      .clk(clk), .d(request), .q({write_q, part_q, to_q, inside_q, turn}));
  rotate #(.INPUTS(TK), .BITS(8)) turn_banks (.d(is_key ? key : prob), .by(turn), .q(turned));
  always_ff @(posedge clk) begin
    pair_row <= address + R'(beat);
    for (int k = 0; k < TK; k = k + 1) pairs[k] <= inside_q > C'(k) ? turned[k] : 8'd0;
    pair_write <= write_q;
    pair_part <= part_q;
    pair_to <= to_q;
  end

  generate
    for (genvar s = 0; s < TM; s = s + 1) begin : slot
      for (genvar k = 0; k < TK; k = k + 1) begin : lane
        localparam int BANK = s * TK + k;
        logic [3:0] nibble;
        assign nibble = s % 2 == 0 ? pairs[k][7:4] + 4'(pairs[k][3]) : pairs[k][3:0];
        assign weight_d[BANK] = attention ? nibble : word_d[BANK*4%plan::STREAM_BITS+:4];
        assign weight_write[BANK] = attention ? pair_write & pair_part == C'(s / 2)
                                              : nibbles_write & word_part == C'(BANK / PER_WORD);
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
