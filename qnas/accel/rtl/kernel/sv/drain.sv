// Drains a finished tile: joins the nibbles of a row, and says what row it is. Of weights one row
// slot of TT tokens a clock, with its row's parameters; in attention DRAIN_PAIRS rows, each a pair
// of slots, with their query's scale. A row leaves DRAIN_CLOCKS after its step.
module drain (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    output logic [plan::COUNT_BITS-1:0] drained,  // row tiles
    input logic copied,  // a tile's sums have come
    input logic [plan::TM-1:0][plan::TT-1:0][plan::ACC_BITS-1:0] sums,
    output logic [plan::ROW_BITS-1:0] param_row, scale_row,
    input logic [plan::ROW_PARAM_BANKS-1:0][63:0] params,  // a clock later
    input logic [plan::DRAIN_PAIRS-1:0][23:0] scales,
    output plan::rows_t rows,
    output logic [plan::DRAIN_PAIRS-1:0][plan::TT-1:0][26:0] joined
);
  localparam int TM = plan::TM, TT = plan::TT, C = plan::COUNT_BITS, R = plan::ROW_BITS;
  localparam int PAIRS = plan::DRAIN_PAIRS, SLOTS = 2 * PAIRS, GROUPS = TM / SLOTS;
  localparam int BANKS = plan::ROW_PARAM_BANKS, TB = plan::TOKEN_BITS, ACC = plan::ACC_BITS;
  localparam int BANK_LOG = $clog2(BANKS), SLOT_LOG = $clog2(SLOTS), PAIR_LOG = $clog2(PAIRS);
  localparam int GW = GROUPS > 1 ? $clog2(GROUPS) : 1, BW = BANKS > 1 ? BANK_LOG : 1;
  logic attention, drains, ends_tile, ends_row_tile;
  logic [C-1:0] step, token_tile;
  assign attention = stage.left != plan::WEIGHTS;
  assign drains = copied | step != 0;
  assign ends_tile = drains & step == stage.drain_steps - 1'b1;
  assign ends_row_tile = ends_tile & token_tile == stage.token_tiles - 1'b1;

  // Where the tile and, in attention, the step stand: queries run through the token banks.
  plan::tile_t tile, first_tile;
  logic [C-1:0] row, tile_row;  // of attention
  logic [TB-1:0] bank, tile_bank, next_bank;
  logic [R-1:0] group_row, tile_group_row, next_group_row, param_base;
  logic wraps;
  logic [TB:0] bank_sum;
  assign bank_sum = {1'b0, bank} + (TB + 1)'(PAIRS);
  assign wraps = bank_sum >= (TB + 1)'(TT);
  assign next_bank = TB'(wraps ? bank_sum - (TB + 1)'(TT) : bank_sum);
  assign next_group_row = wraps ? group_row + stage.dst_stride : group_row;
  assign first_tile = {stage.tokens, stage.channel, C'(0), stage.dst_base,
      stage.half ? R'(plan::SCORE_ROWS / 2) : R'(0), R'(0)};
  always_ff @(posedge clk) begin
    if (start) begin
      {step, token_tile, drained, row, tile_row, bank, tile_bank, param_base} <= '0;
      tile <= first_tile;
      {group_row, tile_group_row} <= {2{stage.dst_base}};
      busy <= 1'b1;
    end else if (drains) begin
      step <= ends_tile ? '0 : step + 1'b1;
      row <= ends_tile & ~ends_row_tile ? tile_row : row + C'(PAIRS);
      bank <= ends_tile & ~ends_row_tile ? tile_bank : next_bank;
      group_row <= ends_tile & ~ends_row_tile ? tile_group_row : next_group_row;
      if (ends_tile) begin
        token_tile <= ends_row_tile ? '0 : token_tile + 1'b1;
        tile.tokens <= tile.tokens - C'(TT);
        tile.channel <= tile.channel + C'(TT);
        tile.token <= tile.token + C'(TT);
        tile.dst_row <= tile.dst_row + stage.dst_stride;
        tile.score_row <= tile.score_row + R'(plan::SCORE_STRIDE);
        tile.residual_row <= tile.residual_row + R'(plan::RESIDUAL_STRIDE);
      end
      if (ends_row_tile) begin
        tile <= first_tile;
        tile_row <= row + C'(PAIRS);
        tile_bank <= next_bank;
        tile_group_row <= next_group_row;
        drained <= drained + 1'b1;
        param_base <= param_base == R'(plan::ROW_PARAM_ROWS - plan::ROW_PARAM_WORDS)
            ? '0 : param_base + R'(plan::ROW_PARAM_WORDS);
        if (drained == stage.row_tiles - 1'b1) busy <= 1'b0;
      end
    end
    if (rst) begin
      step <= '0;
      busy <= 1'b0;
    end
  end

  assign param_row = param_base + R'(step >> BANK_LOG);
  assign scale_row = (stage.half ? R'(plan::QUERY_SCALE_ROWS / 2) : '0) + R'(row >> PAIR_LOG);

  // Clock 1: a group of neighbouring slots, of all that drain.
  logic [GROUPS*SLOTS*TT*ACC-1:0] flat;
  logic [SLOTS*TT*ACC-1:0] chosen, group;
  logic [C-1:0] group_index;
  assign flat = sums;
  assign group_index = attention ? step : step >> SLOT_LOG;
  choose #(.INPUTS(GROUPS), .BITS(SLOTS * TT * ACC)) choose_group (
      .values(flat), .index(group_index[GW-1:0]), .q(chosen));
  plan::rows_t rows1, rows2, rows3;
  logic [SLOT_LOG-1:0] slot;
  logic [BW-1:0] param_bank;
  logic drains1;
  always_ff @(posedge clk) begin
    group <= chosen;
    drains1 <= drains & ~rst;
    slot <= step[SLOT_LOG-1:0];
    param_bank <= BW'(step & C'(BANKS - 1));
    rows1 <= '0;
    rows1.tile <= tile;
    rows1.row <= row;
    rows1.bank <= bank;
    rows1.group_row <= group_row;
    for (int p = 0; p < PAIRS; p = p + 1) rows1.valid[p] <= row + C'(p) < stage.rows;
  end

  // Clock 2: of weights one slot and its row, in attention all of them and their scales.
  logic [BANKS*64-1:0] flat_params;
  logic [63:0] param;
  logic [TT*ACC-1:0] slot_sums, one;
  logic [SLOTS*TT*ACC-1:0] all;
  logic [1:0] kind;
  assign flat_params = params;
  choose #(.INPUTS(BANKS), .BITS(64)) choose_param (
      .values(flat_params), .index(param_bank), .q(param));
  choose #(.INPUTS(SLOTS), .BITS(TT * ACC)) choose_slot (
      .values(group), .index(slot), .q(slot_sums));
  always_ff @(posedge clk) begin
    one <= slot_sums;
    all <= group;
    kind <= drains1 & ~attention ? param[51:50] : plan::PADDING;
    rows2 <= rows1;
    if (attention) begin
      rows2.bias <= '0;
      for (int p = 0; p < PAIRS; p = p + 1) begin
        rows2.valid[p] <= drains1 & rows1.valid[p];
        rows2.mult[p*18+:18] <= scales[p][17:0];
        rows2.shift[p*6+:6] <= scales[p][23:18];
      end
    end else begin
      rows2.valid <= PAIRS'(drains1 && !param[50]);  // a 4-bit row or a low nibble
      rows2.row <= C'(param[63:52]);
      rows2.bias <= param[25:0];
      rows2.mult[17:0] <= param[43:26];
      rows2.shift[5:0] <= param[49:44];
    end
  end

  // Clock 3: high and low nibble of a row are joined. Of weights the high one's sum waits.
  logic [TT-1:0][26:0] held;
  generate
    for (genvar t = 0; t < TT; t = t + 1) begin : token
      logic signed [26:0] nibbles;
      assign nibbles = 27'($signed(one[t*ACC+:ACC]));
      always_ff @(posedge clk) if (kind == plan::HIGH_NIBBLE) held[t] <= {nibbles[22:0], 4'b0};
      for (genvar p = 0; p < PAIRS; p = p + 1) begin : pair
        logic signed [26:0] high, low, left, right;
        assign high = 27'($signed(all[(2*p*TT+t)*ACC+:ACC]));
        assign low = 27'($signed(all[((2*p+1)*TT+t)*ACC+:ACC]));
        if (p == 0) begin : either
          assign left = attention ? {high[22:0], 4'b0} :
              kind == plan::LOW_NIBBLE ? $signed(held[t]) : 27'sd0;
          assign right = attention ? low : nibbles;
        end else begin : attended
          assign left = {high[22:0], 4'b0};
          assign right = low;
        end
        always_ff @(posedge clk) joined[p][t] <= left + right;
      end
    end
  endgenerate
  always_ff @(posedge clk) rows3 <= rows2;
  assign rows = rows3;
endmodule
