// Drains a finished tile: joins the nibbles of its rows, and says what rows they are. Of weights one
// row of TT tokens a clock, with its parameters: 8-bit rows first, two slots each, then 4-bit rows. In
// attention a pair of slots is a row: of scores SCORE_PAIRS a clock, of attended tokens DRAIN_PAIRS,
// with their queries' scales. A row leaves DRAIN_CLOCKS after its step.
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
    output plan::rows_t coming, rows,  // `coming` a clock before its sums
    output logic [plan::SCORE_PAIRS-1:0][plan::TT-1:0][26:0] joined
);
  localparam int TM = plan::TM, TT = plan::TT, C = plan::COUNT_BITS, R = plan::ROW_BITS;
  localparam int PAIRS = plan::DRAIN_PAIRS, MOST = plan::SCORE_PAIRS, SLOTS = 2 * MOST;
  localparam int GROUPS = TM / SLOTS, BANKS = plan::ROW_PARAM_BANKS, TB = plan::TOKEN_BITS;
  localparam int ACC = plan::ACC_BITS, W = TT * ACC;
  localparam int BANK_LOG = $clog2(BANKS), SLOT_LOG = $clog2(SLOTS), PAIR_LOG = $clog2(PAIRS);
  localparam int GW = GROUPS > 1 ? $clog2(GROUPS) : 1, BW = BANKS > 1 ? BANK_LOG : 1;
  localparam int SW = $clog2(TM) + 2;  // of a slot, or one beyond all of them
  logic attention, scores, drains, ends_tile, ends_image, ends_row_tile, ends;
  logic [C-1:0] step, token_tile, pairs;
  assign attention = stage.left != plan::WEIGHTS;
  assign scores = stage.dst == plan::DST_SCORES;
  assign pairs = scores ? C'(MOST) : C'(PAIRS);
  assign drains = copied | step != 0;
  assign ends_tile = drains & step == stage.drain_steps - 1'b1;
  logic last_tokens;  // of an image
  assign ends_image = ends_tile &
      (plan::BATCH > 1 ? last_tokens : token_tile == stage.token_tiles - 1'b1);

  // The images of a pass. Whether the token tiles of an image end a row tile, the last one; whether
  // the next image's row tiles follow, in attention; rows of the destination and of scales before it.
  logic whole, all, wraps;
  logic [R-1:0] image_row, first_scale, image_scale;
  assign ends_row_tile = ends_image & whole;
  assign ends = plan::BATCH > 1 ? all : drained == stage.row_tiles - 1'b1;
  assign first_scale = stage.half ? R'(plan::QUERY_SCALE_ROWS / 2) : '0;
  generate
    if (plan::BATCH > 1) begin : several
      logic moves;
      logic [R-1:0] rows_apart;
      logic [C-1:0] left;  // token tiles of an image behind this one
      always_ff @(posedge clk)
        if (start | ends_tile) begin
          left <= start | last_tokens ? stage.token_tiles - 1'b1 : left - 1'b1;
          last_tokens <= start | last_tokens ? stage.token_tiles == 1 : left == 1;
        end
      always_comb
        case (stage.dst)
          plan::DST_KEY: rows_apart = R'(plan::KEY_IMAGE_ROWS);
          plan::DST_SCORES: rows_apart = R'(plan::SCORE_IMAGE_ROWS);
          plan::DST_RESIDUAL: rows_apart = R'(plan::RESIDUAL_IMAGE_ROWS);
          plan::DST_LOGITS: rows_apart = R'(plan::LOGIT_IMAGE_ROWS);
          default: rows_apart = R'(plan::ACT_IMAGE_ROWS);
        endcase
      tile_images images (
          .clk(clk), .start(start), .next(ends_image), .own(attention),
          .row_tiles(stage.row_tiles), .first('0), .rows(rows_apart), .following(image_row),
          .moves(moves), .ends_row_tile(whole), .ends(all));
      assign wraps = ends_image & attention & moves;
      image_rows scales_of_image (
          .clk(clk), .start(start), .move(wraps), .first(first_scale),
          .rows(R'(plan::QUERY_SCALE_IMAGE_ROWS)), .row(image_scale), .next_row(), .last());
    end else begin : one
      assign {whole, all, last_tokens} = 3'b111;
      assign wraps = 1'b0;
      assign image_row = '0;
      assign image_scale = first_scale;
    end
  endgenerate

  // The slot that drains, or the first of them; 8-bit rows that are left in the tile, how many the
  // row tile has, and row tiles that have one more than the others.
  logic [SW-1:0] slot, advance;
  logic [SW-1:0] eights_left, eights, next_eights;
  logic [C-1:0] more_left;
  logic eight;
  assign eight = attention | eights_left != 0;
  assign advance = attention ? SW'(pairs << 1) : eight ? SW'(2) : SW'(1);
  assign next_eights = SW'(stage.w8_rows) + SW'(more_left > C'(1));
  always_ff @(posedge clk)
    if (start) begin
      slot <= '0;
      {eights, eights_left} <= {2{SW'(stage.w8_rows) + SW'(stage.w8_more != 0)}};
      more_left <= stage.w8_more;
    end else if (drains) begin
      slot <= ends_tile ? '0 : slot + advance;
      eights_left <= ends_row_tile ? next_eights : ends_tile ? eights :
          eights_left - SW'(eights_left != 0);
      if (ends_row_tile) begin
        eights <= next_eights;
        more_left <= more_left - C'(more_left != 0);
      end
    end

  // Where the tile and, in attention, the step stand: queries run through the token banks.
  plan::tile_t tile, first_tile, image_tile;
  logic [C-1:0] row, tile_row;  // of attention
  logic [TB-1:0] bank, tile_bank, next_bank;
  logic [R-1:0] group_row, tile_group_row, next_group_row, param_base;
  logic around, in_place;
  logic [TB:0] bank_sum;
  assign bank_sum = {1'b0, bank} + (TB + 1)'(PAIRS);
  assign around = bank_sum >= (TB + 1)'(TT);
  assign next_bank = TB'(around ? bank_sum - (TB + 1)'(TT) : bank_sum);
  assign next_group_row = around ? group_row + stage.dst_stride : group_row;
  assign first_tile = {stage.tokens, stage.channel, C'(stage.token_offset), stage.dst_base,
      stage.half ? R'(plan::SCORE_ROWS / 2) : R'(0),
      stage.token_offset ? R'(plan::RESIDUAL_STRIDE) : R'(0)};
  // Values: their tokens lie as channels do, those of all tiles in the same rows.
  assign in_place = plan::BATCH > 1 & stage.dst == plan::DST_VALUE;
  always_comb begin
    image_tile = first_tile;
    if (plan::BATCH > 1) begin
      image_tile.dst_row = first_tile.dst_row + image_row;
      image_tile.score_row = first_tile.score_row + image_row;
      image_tile.residual_row = first_tile.residual_row + image_row;
    end
  end
  always_ff @(posedge clk) begin
    if (start) begin
      {step, token_tile, drained, row, tile_row, bank, tile_bank, param_base} <= '0;
      tile <= first_tile;
      {group_row, tile_group_row} <= {2{stage.dst_base}};
      busy <= 1'b1;
    end else if (drains) begin
      step <= ends_tile ? '0 : step + 1'b1;
      row <= ends_tile & ~ends_row_tile ? tile_row : row + pairs;
      bank <= ends_tile & ~ends_row_tile ? tile_bank : next_bank;
      group_row <= ends_tile & ~ends_row_tile ? tile_group_row : next_group_row;
      if (ends_tile) begin
        token_tile <= ends_image ? '0 : token_tile + 1'b1;
        tile.tokens <= tile.tokens - C'(TT);
        tile.channel <= tile.channel + C'(TT);
        tile.token <= tile.token + C'(TT);
        if (~in_place) tile.dst_row <= tile.dst_row + stage.dst_stride;
        tile.score_row <= tile.score_row + R'(TT * plan::SCORE_STRIDE);
        tile.residual_row <= tile.residual_row + R'(TT * plan::RESIDUAL_STRIDE);
      end
      if (ends_image) tile <= image_tile;
      if (ends_row_tile) begin
        tile_row <= row + pairs;
        tile_bank <= next_bank;
        tile_group_row <= next_group_row;
        drained <= drained + 1'b1;
        param_base <= param_base == R'(plan::ROW_PARAM_ROWS - plan::ROW_PARAM_WORDS)
            ? '0 : param_base + R'(plan::ROW_PARAM_WORDS);
        if (ends) busy <= 1'b0;
      end
      if (wraps) begin
        {row, tile_row, bank, tile_bank} <= '0;
        {group_row, tile_group_row} <= {2{image_tile.dst_row}};
      end
    end
    if (rst) begin
      step <= '0;
      busy <= 1'b0;
    end
  end

  assign param_row = param_base + R'(step >> BANK_LOG);
  assign scale_row = image_scale + R'(row >> PAIR_LOG);

  // Clock 1: a group of neighbouring slots, of all that drain.
  logic [GROUPS*SLOTS*W-1:0] flat;
  logic [SLOTS*W-1:0] chosen, group;
  assign flat = sums;
  choose #(.INPUTS(GROUPS), .BITS(SLOTS * W)) choose_group (
      .values(flat), .index(GW'(slot >> SLOT_LOG)), .q(chosen));
  plan::rows_t rows1, rows2, rows3;
  logic [SLOT_LOG-1:0] slot1;
  logic [BW-1:0] param_bank;
  logic drains1, eight1;
  always_ff @(posedge clk) begin
    group <= chosen;
    drains1 <= drains & ~rst;
    slot1 <= slot[SLOT_LOG-1:0];
    eight1 <= eight;
    param_bank <= BW'(step & C'(BANKS - 1));
    rows1 <= '0;
    rows1.tile <= tile;
    rows1.row <= row;
    rows1.bank <= bank;
    rows1.group_row <= group_row;
    for (int p = 0; p < MOST; p = p + 1) rows1.valid[p] <= row + C'(p) < stage.rows;
  end

  // Clock 2: the pairs of slots that drain, high and low nibbles; a 4-bit row is a low one. What row
  // it is; in attention the scales.
  localparam int OTHERS = MOST / PAIRS, OW = OTHERS > 1 ? $clog2(OTHERS) : 1;
  localparam int MW = MOST > 1 ? $clog2(MOST) : 1;
  logic [MOST-1:0][W-1:0] high, low;
  logic [MOST*W-1:0] high_slots;
  generate
    for (genvar p = 0; p < MOST; p = p + 1) begin : split
      assign high_slots[p*W+:W] = group[2*p*W+:W];
    end
    for (genvar p = 0; p < MOST; p = p + 1) begin : pair
      logic [W-1:0] high_q, low_q;
      if (p == 0) begin : any
        choose #(.INPUTS(MOST), .BITS(W)) choose_high (
            .values(high_slots), .index(MW'(slot1 >> 1)), .q(high_q));
        choose #(.INPUTS(SLOTS), .BITS(W)) choose_low (
            .values(group), .index(slot1 | SLOT_LOG'(eight1)), .q(low_q));
      end else if (p < PAIRS) begin : attended
        logic [OTHERS*W-1:0] highs, lows;
        for (genvar o = 0; o < OTHERS; o = o + 1) begin : one
          assign highs[o*W+:W] = high_slots[(o*PAIRS+p)*W+:W];
          assign lows[o*W+:W] = group[(2*(o*PAIRS+p)+1)*W+:W];
        end
        choose #(.INPUTS(OTHERS), .BITS(W)) choose_high (
            .values(highs), .index(OW'(slot1 >> (PAIR_LOG + 1))), .q(high_q));
        choose #(.INPUTS(OTHERS), .BITS(W)) choose_low (
            .values(lows), .index(OW'(slot1 >> (PAIR_LOG + 1))), .q(low_q));
      end else begin : scored
        assign high_q = high_slots[p*W+:W];
        assign low_q = group[(2*p+1)*W+:W];
      end
      always_ff @(posedge clk) begin
        if (p == 0 && ~eight1) high[p] <= '0;
        else high[p] <= high_q;
        low[p] <= low_q;
      end
    end
  endgenerate
  logic [BANKS*64-1:0] flat_params;
  logic [63:0] param;
  assign flat_params = params;
  choose #(.INPUTS(BANKS), .BITS(64)) choose_param (
      .values(flat_params), .index(param_bank), .q(param));
  always_ff @(posedge clk) begin
    rows2 <= rows1;
    if (attention) begin
      rows2.bias <= '0;
      for (int p = 0; p < MOST; p = p + 1) rows2.valid[p] <= drains1 & rows1.valid[p];
      for (int p = 0; p < PAIRS; p = p + 1) begin
        rows2.mult[p*18+:18] <= scales[p][17:0];
        rows2.shift[p*6+:6] <= scales[p][23:18];
      end
    end else begin
      rows2.valid <= MOST'(drains1 && param[51:50] != plan::PADDING);
      rows2.row <= C'(param[63:52]);
      rows2.bias <= param[25:0];
      rows2.mult[17:0] <= param[43:26];
      rows2.shift[5:0] <= param[49:44];
    end
  end

  // Clock 3: high and low nibble of a row are joined.
  generate
    for (genvar p = 0; p < MOST; p = p + 1) begin : join_pair
      for (genvar t = 0; t < TT; t = t + 1) begin : token
        always_ff @(posedge clk)
          joined[p][t] <= (27'($signed(high[p][t*ACC+:ACC])) <<< 4) +
              27'($signed(low[p][t*ACC+:ACC]));
      end
    end
  endgenerate
  always_ff @(posedge clk) rows3 <= rows2;
  assign coming = rows2;
  assign rows = rows3;
endmodule
