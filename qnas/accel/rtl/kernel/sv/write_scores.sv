// SCORE_PAIRS neighbouring keys of TT queries into score memory, a clock after the joined sums.
// Element (query, key) lies in bank (SCORE_PAIRS * query + key) mod BANKS, each query in rows of its
// own: the keys of a query in a group of banks, the queries in groups that follow each other.
module write_scores (
    input logic clk, rst,
    input plan::stage_t stage,
    input plan::rows_t coming,  // a clock before `rows`
    input plan::rows_t rows,
    input logic [plan::SCORE_PAIRS-1:0][plan::TT-1:0][26:0] sums,
    output logic [plan::SCORE_BANKS-1:0] write,
    output logic [plan::SCORE_GROUPS-1:0][plan::ROW_BITS-1:0] row,
    output logic [plan::SCORE_BANKS-1:0][plan::SCORE_BITS-1:0] d
);
  localparam int TT = plan::TT, PAIRS = plan::SCORE_PAIRS, C = plan::COUNT_BITS;
  localparam int GROUPS = plan::SCORE_GROUPS, S = plan::SCORE_BITS, R = plan::ROW_BITS;
  localparam int BY = plan::SCORE_TURN_BITS, W = PAIRS * (S + 1);
  logic active;
  logic [BY-1:0] turn;
  logic [R-1:0] first_row;
  always_ff @(posedge clk) begin
    active <= ~rst & stage.dst == plan::DST_SCORES;
    turn <= (BY'(coming.tile.token) + BY'(coming.row >> $clog2(PAIRS))) & BY'(GROUPS - 1);
    first_row <= coming.tile.score_row + R'(coming.row >> $clog2(plan::SCORE_BANKS));
  end
  logic [GROUPS-1:0][W-1:0] keys, turned;
  logic [GROUPS-1:0][R-1:0] group_rows;
  always_comb begin
    keys = '0;
    for (int t = 0; t < TT; t = t + 1)
      for (int p = 0; p < PAIRS; p = p + 1)
        keys[t][p*(S+1)+:S+1] =
            {active & rows.valid[p] & rows.tile.tokens > C'(t), sums[p][t][S-1:0]};
  end
  rotate #(.INPUTS(GROUPS), .BITS(W), .UP(1)) turn_keys (.d(keys), .by(turn), .q(turned));
  turned_rows #(.BANKS(GROUPS), .USED(TT), .STRIDE(plan::SCORE_STRIDE)) turn_rows (
      .turn(turn), .same(1'b0), .row(first_row), .rows(group_rows));
  always_ff @(posedge clk) begin
    row <= group_rows;
    for (int g = 0; g < GROUPS; g = g + 1)
      for (int p = 0; p < PAIRS; p = p + 1)
        {write[g*PAIRS+p], d[g*PAIRS+p]} <= turned[g][p*(S+1)+:S+1];
  end
endmodule
