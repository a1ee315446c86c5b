// The GEMM engine: the schedule of gemm.hpp around the multiplier array. One iteration a clock drains
// a step of the finished tile, multiplies a beat of the running one and loads a step of the next row
// tile. What an iteration multiplies leaves the array CLOCKS + 1 later: draining follows that far
// behind, and `busy` ends DEPTH clocks after the last iteration.

// One vector is {payload, op}. op 0: {act row, tt x tk activations}. op 1 starts a stage: eight
// numbers of 16 bits (row_tiles, token_tiles, beats, drain_steps, tile_steps, load_steps, row_steps,
// attention). op 2: a word of the weight stream, or tk elements of a key or of a query's
// probabilities. An answer is a drained row (PAIRS rows in attention) of joined sums, and its number.
module block_engine #(
    parameter int TM = 4, TT = 2, TK = 4, LUT_SLOTS = 0, ACC = 22, PORT = 128, BEATS = 8,
    parameter int ROWS = 64, PAIRS = 1, PACKED = 1, SERIES7 = 0,
    parameter int P1 = 16 + TT * TK * 6 > 128 ? 16 + TT * TK * 6 : 128,
    parameter int P2 = TK * 8 > PORT ? TK * 8 : PORT, P = P1 > P2 ? P1 : P2,
    parameter int IN = P + 2, OUT = PAIRS * TT * 27 + 12
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  localparam int CLOCKS = PACKED != 0 ? (TK < 4 ? TK : 4) + 6 : 7;
  localparam int DEPTH = CLOCKS + 3;
  localparam int WORDS = (64 * TM + PORT - 1) / PORT;  // of row parameters
  localparam int PARTS = (4 * TM * TK + PORT - 1) / PORT;  // words of nibbles a beat
  localparam int SLOTS = 2 * PAIRS, GROUPS = TM / SLOTS, PER = PORT / 64;
  localparam int WA = $clog2(2 * BEATS), RA = ROWS > 1 ? $clog2(ROWS) : 1;

  logic [1:0] op;
  logic [P-1:0] payload;
  assign op = in_data[1:0];
  assign payload = in_data[IN-1:2];

  // The stage, and where its loop stands.
  logic [15:0] row_tiles, token_tiles, beats, drain_steps, tile_steps, load_steps, row_steps;
  logic attention, running;
  logic [15:0] phase, step, k, token_tile, act_row;
  logic prefetch, flush, loading, multiplying, ends;
  logic [15:0] steps;
  assign prefetch = phase == 0;
  assign flush = phase == row_tiles + 1;
  assign steps = prefetch ? load_steps : flush ? drain_steps : row_steps;
  assign ends = step == steps - 1;
  assign loading = running & (phase < row_tiles) & (step < load_steps);
  assign multiplying = running & ~prefetch & ~flush & (token_tile < token_tiles) & (k < beats);
  assign in_ready = op == 2 ? loading : ~busy;
  always_ff @(posedge clk) begin
    if (rst) running <= 1'b0;
    else if (in_valid & in_ready & op == 1) begin
      running <= 1'b1;
      {attention, row_steps, load_steps, tile_steps, drain_steps, beats, token_tiles, row_tiles} <=
          payload[112:0];
      {phase, step, k, token_tile, act_row} <= '0;
    end else if (running) begin
      if (ends) begin
        phase <= phase + 1;
        {step, k, token_tile, act_row} <= '0;
        if (flush) running <= 1'b0;
      end else begin
        step <= step + 1;
        k <= k == tile_steps - 1 ? 0 : k + 1;
        if (k == tile_steps - 1) begin
          token_tile <= token_tile + 1;
          act_row <= act_row + beats;
        end
      end
    end
  end
  logic [DEPTH-1:0] tail;
  always_ff @(posedge clk) tail <= rst ? '0 : {tail[DEPTH-2:0], running};
  assign busy = running | (|tail);

  // Loading: which banks take what of the word.
  logic [15:0] load_beat, part;
  logic parameters;
  assign parameters = ~attention & step < WORDS;
  always_ff @(posedge clk) begin
    if (~loading | step == load_steps - 1) {load_beat, part} <= '0;
    else if (attention) begin
      load_beat <= load_beat == beats - 1 ? 0 : load_beat + 1;
      if (load_beat == beats - 1) part <= part + 1;
    end else if (~parameters) begin
      part <= part == PARTS - 1 ? 0 : part + 1;
      if (part == PARTS - 1) load_beat <= load_beat + 1;
    end
  end
  logic [WA-1:0] to, from;
  assign to = WA'(load_beat + (phase[0] ? BEATS : 0));
  assign from = WA'(k + (phase[0] ? 0 : BEATS));  // phase p multiplies row tile p - 1
  logic [TM*TK*4-1:0] weight;
  generate
    for (genvar s = 0; s < TM; s = s + 1) begin : slot
      for (genvar i = 0; i < TK; i = i + 1) begin : input_
        localparam int BANK = s * TK + i;
        logic [3:0] word_nibble, pair_nibble;
        logic chosen;
        logic [7:0] element;
        assign element = payload[i*8+:8];
        assign word_nibble = payload[BANK*4%PORT+:4];
        assign pair_nibble = s % 2 == 0 ? element[7:4] + 4'(element[3]) : element[3:0];
        assign chosen = attention ? part == s / 2 : ~parameters & part == BANK * 4 / PORT;
        bank #(.BITS(4), .DEPTH(2 * BEATS), .BLOCK(2 * BEATS > 128)) memory (
            .clk(clk), .write(loading & chosen), .to(to), .from(from),
            .d(attention ? pair_nibble : word_nibble), .q(weight[BANK*4+:4]));
      end
    end
  endgenerate

  // Activations, the array.
  logic [TT*TK*6-1:0] act;
  generate
    for (genvar i = 0; i < TT * TK; i = i + 1) begin : act_bank
      bank #(.BITS(6), .DEPTH(ROWS), .BLOCK(ROWS > 128)) memory (
          .clk(clk), .write(in_valid & in_ready & op == 0), .to(payload[TT*TK*6+:RA]),
          .from(RA'(act_row + k)), .d(payload[i*6+:6]), .q(act[i*6+:6]));
    end
  endgenerate
  logic valid, first, last;
  always_ff @(posedge clk) begin
    valid <= multiplying;
    first <= k == 0;
    last <= k == beats - 1;
  end
  logic [TM*TT*ACC-1:0] drain;
  mac_array #(.TM(TM), .TT(TT), .TK(TK), .LUT_SLOTS(LUT_SLOTS), .ACC(ACC), .WX(6),
      .PACKED(PACKED), .SERIES7(SERIES7)) array (
      .clk(clk), .valid(valid), .first(first), .last(last), .weight(weight), .act(act),
      .drain(drain));

  // Draining starts when the array has copied a tile: `drained` steps are done.
  logic copied, draining;
  logic [15:0] drained, drain_row, drain_token;
  delay #(.BITS(1), .CLOCKS(CLOCKS)) wait_copy (.clk(clk), .d(valid & last), .q(copied));
  assign draining = copied | (drained != 0);
  always_ff @(posedge clk) begin
    if (rst | ~busy) {drained, drain_row, drain_token} <= '0;
    else if (draining) begin
      drained <= drained == drain_steps - 1 ? 0 : drained + 1;
      if (drained == drain_steps - 1) begin
        drain_token <= drain_token == token_tiles - 1 ? 0 : drain_token + 1;
        if (drain_token == token_tiles - 1) drain_row <= drain_row + 1;
      end
    end
  end

  // Row parameters: WORDS words a row tile, PER parameters each. The plan keeps four tiles of them; of
  // few rows several tiles drain behind the pipeline, and more are kept: 32 words cost no more.
  localparam int TILES = TM >= 12 ? 4 : TM >= 4 ? 8 : 16;
  logic [63:0] row_param;
  logic [PER*64-1:0] param_word;
  logic [15:0] param_index;
  logic [$clog2(TILES*WORDS)-1:0] param_to, param_from;
  assign param_to = (phase % TILES) * WORDS + step;
  assign param_from = (drain_row % TILES) * WORDS + drained / PER;
  bank #(.BITS(PORT), .DEPTH(TILES * WORDS)) params (
      .clk(clk), .write(loading & parameters), .to(param_to), .from(param_from),
      .d(payload[PORT-1:0]), .q(param_word));
  always_ff @(posedge clk) param_index <= drained % PER;
  choose #(.INPUTS(PER), .BITS(64)) choose_param (
      .values(param_word), .index(param_index[(PER > 1 ? $clog2(PER) : 1)-1:0]), .q(row_param));

  // A group of neighbouring slots, then one of them or all; nibbles of a row are joined.
  localparam int GW = GROUPS > 1 ? $clog2(GROUPS) : 1;
  logic [SLOTS*TT*ACC-1:0] group, group_q;
  logic [15:0] group_index, slot_index;
  logic drained_valid;
  assign group_index = attention ? drained : drained / SLOTS;
  choose #(.INPUTS(GROUPS), .BITS(SLOTS * TT * ACC)) choose_group (
      .values(drain), .index(group_index[GW-1:0]), .q(group));
  logic [11:0] implied;
  always_ff @(posedge clk) begin
    group_q <= group;
    drained_valid <= draining & busy;
    slot_index <= drained % SLOTS;
    implied <= 12'(drain_row * (TM / 2) + drained * PAIRS);
  end
  logic [TT*ACC-1:0] chosen_slot;
  choose #(.INPUTS(SLOTS), .BITS(TT * ACC)) choose_slot (
      .values(group_q), .index(slot_index[$clog2(SLOTS)-1:0]), .q(chosen_slot));
  logic [TT*27-1:0] held;
  logic [1:0] row_kind;
  assign row_kind = row_param[51:50];
  generate
    for (genvar t = 0; t < TT; t = t + 1) begin : token
      logic signed [26:0] nibbles, high_sum;
      assign nibbles = 27'($signed(chosen_slot[t*ACC+:ACC]));
      assign high_sum = row_kind == 2 ? $signed(held[t*27+:27]) : 27'sd0;
      always_ff @(posedge clk)
        if (drained_valid & row_kind == 1) held[t*27+:27] <= {nibbles[22:0], 4'b0};
      for (genvar p = 0; p < PAIRS; p = p + 1) begin : pair
        logic signed [26:0] high, low, joined;
        assign high = 27'($signed(group_q[(2*p*TT+t)*ACC+:ACC]));
        assign low = 27'($signed(group_q[((2*p+1)*TT+t)*ACC+:ACC]));
        if (p == 0) begin : either
          logic signed [26:0] left, right;
          assign left = attention ? {high[22:0], 4'b0} : high_sum;
          assign right = attention ? low : nibbles;
          assign joined = left + right;
        end else begin : further
          assign joined = $signed({high[22:0], 4'b0}) + low;
        end
        always_ff @(posedge clk)  // of weights a row leaves alone
          if (p > 0 & ~attention) out_data[(p*TT+t)*27+:27] <= '0;
          else out_data[(p*TT+t)*27+:27] <= joined;
      end
    end
  endgenerate
  always_ff @(posedge clk) begin
    out_valid <= ~rst & drained_valid & (attention | row_kind == 0 | row_kind == 2);
    out_data[OUT-1-:12] <= attention ? implied : row_param[63:52];
  end
endmodule
