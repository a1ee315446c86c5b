// Where the results of a row are written, ready with them: REQUANTIZE_CLOCKS after the row.
module locate (
    input logic clk,
    input plan::stage_t stage,
    input plan::rows_t rows,
    output plan::place_t place
);
  localparam int C = plan::COUNT_BITS, R = plan::ROW_BITS, TB = plan::TOKEN_BITS;
  localparam int K = plan::HEAD_DIM, HEADS = plan::MAX_HEADS, TT = plan::TT;
  localparam int TK_LOG = $clog2(plan::TK), RESIDUAL_LOG = $clog2(plan::RESIDUAL_BANKS), HB = $clog2(HEADS + 1);
  logic by_head;
  assign by_head = stage.dst == plan::DST_QUERY | stage.dst == plan::DST_KEY |
      stage.dst == plan::DST_VALUE;

  // Clock 1: which heads a row of a query, key or value matrix lies beyond.
  logic [HEADS:0] beyond;
  plan::rows_t rows1, rows2, rows3;
  always_ff @(posedge clk) begin
    for (int h = 0; h <= HEADS; h = h + 1)
      beyond[h] <= h == 0 | (h < HEADS & by_head & rows.row >= C'(h * K));
    rows1 <= rows;
  end

  // Clock 2: its head, and its channel there.
  logic [HB-1:0] head, head2;
  logic [C-1:0] head_first, channel, channel3;
  always_comb begin
    {head, head_first} = '0;
    for (int h = 1; h < HEADS; h = h + 1)
      if (beyond[h] & ~beyond[h+1]) begin
        head = HB'(h);
        head_first = C'(h * K);
      end
  end
  always_ff @(posedge clk) begin
    channel <= rows1.row - head_first;
    head2 <= head;
    rows2 <= rows1;
  end

  // Clock 3: bank rows of the heads before; of a value, whose channels lie as tokens do, its group.
  localparam int KW = K > 1 ? $clog2(K) : 1;
  logic [K*(R+TB)-1:0] groups;
  generate
    for (genvar c = 0; c < K; c = c + 1) begin : channels
      assign groups[c*(R+TB)+:R+TB] = {R'((c / TT) * plan::PROB_STRIDE), TB'(c % TT)};
    end
  endgenerate
  logic [R+TB-1:0] group, chosen;
  choose #(.INPUTS(K), .BITS(R + TB)) choose_group (
      .values(groups), .index(channel[KW-1:0]), .q(chosen));
  logic [R-1:0] head_rows, head_rows3;
  always_comb begin
    head_rows = '0;
    for (int i = 0; i < HB; i = i + 1)
      if (head2[i]) head_rows = head_rows + (stage.dst_group_stride << i);
  end
  always_ff @(posedge clk) begin
    group <= chosen;
    head_rows3 <= head_rows;
    channel3 <= channel;
    rows3 <= rows2;
  end

  // Clock 4: the bank row, which bank, and where among its channels.
  plan::place_t found;
  always_ff @(posedge clk) begin
    // Scores go another way, and their stage may be over before their place is known.
    found.valid <= stage.dst == plan::DST_SCORES ? '0 : rows3.valid[plan::DRAIN_PAIRS-1:0];
    found.tokens <= rows3.tile.tokens;
    found.channel <= rows3.tile.channel;
    found.bank <= rows3.bank;
    found.lane <= channel3;
    case (stage.dst)
      plan::DST_ATTENDED: found.row <= rows3.group_row + R'(rows3.tile.channel >> TK_LOG);
      plan::DST_VALUE: begin
        found.row <= (plan::BATCH > 1 ? rows3.tile.dst_row : stage.dst_base) + head_rows3 +
            group[R+TB-1:TB] + R'(rows3.tile.channel >> TK_LOG);
        found.bank <= group[TB-1:0];
      end
      plan::DST_KEY: begin
        found.row <= rows3.tile.dst_row + head_rows3 + R'(channel3 >> TK_LOG);
        found.lane <= channel3 + rows3.tile.token;
      end
      plan::DST_RESIDUAL: begin
        found.row <= rows3.tile.residual_row + R'(channel3 >> RESIDUAL_LOG);
        found.lane <= channel3 + rows3.tile.token;
      end
      plan::DST_LOGITS:
        found.row <= R'(channel3) + (plan::BATCH > 1 ? rows3.tile.dst_row : '0);
      default: found.row <= rows3.tile.dst_row + head_rows3 + R'(channel3 >> TK_LOG);
    endcase
  end
  delay #(.BITS(plan::PLACE_BITS), .CLOCKS(plan::REQUANTIZE_CLOCKS - 4)) wait_results (
      .clk(clk), .d(found), .q(place));
endmodule
