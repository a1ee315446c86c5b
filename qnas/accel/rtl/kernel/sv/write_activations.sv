// The write port of activation memory. Results of the engine come to it in three clocks; patches
// and normed tokens, a row of one token bank, in one. A row of queries or of the hidden layer is
// one channel of TT tokens. Values and attended tokens are written transposed: a row is TT
// neighbouring channels of one token, which lie in banks of their own; of attended tokens
// DRAIN_PAIRS rows are neighbouring queries, some perhaps in the next group of tokens.
module write_activations (
    input logic clk, rst,
    input plan::stage_t stage,
    input plan::place_t place,
    input logic [plan::DRAIN_PAIRS-1:0][plan::TT-1:0][17:0] results,
    // A row of one token.
    input logic token_write,
    input logic [plan::TT-1:0] token_bank,
    input logic [plan::TK-1:0] token_lane,
    input logic [plan::ROW_BITS-1:0] token_row,
    input logic [plan::TK-1:0][plan::ACT_BITS-1:0] token_d,
    // GELU's table: asked with the results, answers a clock later.
    output logic [plan::TT-1:0][plan::ROW_BITS-1:0] table_row,
    input logic [plan::TT-1:0][plan::GELU_LANES-1:0][plan::ACT_BITS-1:0] entries,
    output logic [plan::TT-1:0][plan::TK-1:0] write,
    output logic [plan::TT-1:0][plan::TK-1:0][plan::ROW_BITS-1:0] row,
    output logic [plan::TT-1:0][plan::TK-1:0][plan::ACT_BITS-1:0] d
);
  localparam int TT = plan::TT, TK = plan::TK, PAIRS = plan::DRAIN_PAIRS, WX = plan::ACT_BITS;
  localparam int C = plan::COUNT_BITS, R = plan::ROW_BITS, TB = plan::TOKEN_BITS;
  localparam int LANES = plan::GELU_LANES, LW = $clog2(LANES), EW = $clog2(plan::GELU_ENTRIES);
  localparam int BY = TK > 1 ? $clog2(TK) : 1;
  logic transposed, active, hidden;
  assign hidden = stage.dst == plan::DST_HIDDEN;
  assign transposed = stage.dst == plan::DST_VALUE | stage.dst == plan::DST_ATTENDED;
  assign active = hidden | transposed | stage.dst == plan::DST_QUERY;

  // Clock 1: results as they are, or an entry of GELU's table, whose index is the result.
  plan::place_t place1;
  logic [PAIRS-1:0][TT-1:0][WX-1:0] values1;
  logic [TT-1:0][LW-1:0] entry_lane;
  logic active1;
  always_comb
    for (int t = 0; t < TT; t = t + 1)
      table_row[t] = R'({~results[0][t][EW-1], results[0][t][EW-2:0]} >> LW);
  always_ff @(posedge clk) begin
    place1 <= place;
    active1 <= active & ~rst;
    for (int t = 0; t < TT; t = t + 1) begin
      entry_lane[t] <= results[0][t][LW-1:0];
      for (int p = 0; p < PAIRS; p = p + 1) values1[p][t] <= results[p][t][WX-1:0];
    end
  end

  // Clock 2: of a transposed row the channels that each bank takes, turned to their lanes; which of
  // the rows each token bank takes.
  logic [TK-1:0] taken1, taken, lanes, carries;
  logic [TT-1:0] tokens;
  logic [PAIRS-1:0][TK-1:0][WX-1:0] turned1, turned;
  logic [TT-1:0][WX-1:0] values, looked_up;
  logic [TT-1:0][PAIRS-1:0] hits;  // of each bank one row at most
  logic [TT-1:0][R-1:0] row2, row3;
  logic [BY-1:0] first_lane;
  assign first_lane = BY'(place1.channel) & BY'(TK - 1);
  generate
    for (genvar p = 0; p < PAIRS; p = p + 1) begin : turned_row
      logic [TK*WX-1:0] padded;
      assign padded = (TK * WX)'(values1[p]);
      rotate #(.INPUTS(TK), .BITS(WX), .UP(1)) turn_values (
          .d(padded), .by(first_lane), .q(turned1[p]));
    end
    for (genvar t = 0; t < TT; t = t + 1) begin : token
      logic [LANES*WX-1:0] flat;
      assign flat = entries[t];
      choose #(.INPUTS(LANES), .BITS(WX)) choose_entry (
          .values(flat), .index(entry_lane[t]), .q(looked_up[t]));
    end
  endgenerate
  logic [TK-1:0] present;
  always_comb for (int k = 0; k < TK; k = k + 1) present[k] = k < TT & place1.tokens > C'(k);
  rotate #(.INPUTS(TK), .BITS(1), .UP(1)) turn_inside (.d(present), .by(first_lane), .q(taken1));
  logic [TT-1:0][TB:0] ahead;  // of the first row's bank, around the banks
  always_comb
    for (int b = 0; b < TT; b = b + 1)
      ahead[b] = TB'(b) >= place1.bank ? (TB + 1)'(b) - {1'b0, place1.bank}
                                       : (TB + 1)'(b + TT) - {1'b0, place1.bank};
  always_ff @(posedge clk) begin
    taken <= taken1;
    turned <= turned1;
    values <= hidden ? looked_up : values1[0];
    for (int k = 0; k < TK; k = k + 1) begin
      lanes[k] <= (BY'(place1.lane) & BY'(TK - 1)) == BY'(k);
      carries[k] <= transposed & C'(k) < C'(first_lane);
    end
    for (int b = 0; b < TT; b = b + 1) begin
      tokens[b] <= active1 & place1.valid[0] & place1.tokens > C'(b);
      for (int p = 0; p < PAIRS; p = p + 1)
        hits[b][p] <= active1 & place1.valid[p] & ahead[b] == (TB + 1)'(p);
      row2[b] <= place1.row +
          (PAIRS > 1 & transposed & TB'(b) < place1.bank ? stage.dst_stride : '0);
    end
  end

  // Clock 3: the memory's write port.
  logic [TT-1:0][R-1:0] row_next;
  logic [TK-1:0] carries3;
  logic [TT-1:0][TK*WX-1:0] own;
  always_comb
    for (int b = 0; b < TT; b = b + 1) begin
      own[b] = '0;
      for (int p = 0; p < PAIRS; p = p + 1) own[b] = own[b] | (turned[p] & {TK * WX{hits[b][p]}});
    end
  always_ff @(posedge clk) begin
    carries3 <= token_write ? '0 : carries;
    for (int b = 0; b < TT; b = b + 1) begin
      row3[b] <= token_write ? token_row : row2[b];
      row_next[b] <= row2[b] + 1'b1;
      write[b] <= token_write ? token_lane & {TK{token_bank[b]}} :
          transposed ? taken & {TK{|hits[b]}} : lanes & {TK{tokens[b]}};
      d[b] <= token_write ? token_d : transposed ? own[b] : {TK{values[b]}};
    end
  end
  always_comb
    for (int b = 0; b < TT; b = b + 1)
      for (int k = 0; k < TK; k = k + 1) row[b][k] = carries3[k] ? row_next[b] : row3[b];
endmodule
