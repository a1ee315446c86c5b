// Second pass of the softmax (NUMERICS.md, section 5): VL scores of a query a clock, once its
// largest is there, to powers of two in probability memory, where LOAD_PAIRS queries share a row; of
// each query their sum.
module exponentials (
    input logic clk, rst, start,
    input plan::stage_t stage,
    input logic [17:0] mult,
    input logic [5:0] shift,
    output logic busy,
    input logic vector_valid, largest_valid,
    output logic vector_pop, largest_pop,
    input logic [plan::VL-1:0][plan::SCORE_BITS-1:0] vector,
    input logic signed [plan::SCORE_BITS-1:0] largest,
    output logic [plan::LOAD_PAIRS-1:0][plan::TK-1:0] write,
    output logic [plan::ROW_BITS-1:0] row,
    output logic [plan::LOAD_PAIRS-1:0][plan::TK-1:0][7:0] d,
    output logic sum_valid,
    output logic [15:0] sum
);
  localparam int VL = plan::VL, TK = plan::TK, S = plan::SCORE_BITS, C = plan::COUNT_BITS;
  localparam int R = plan::ROW_BITS, LEVELS = $clog2(VL), PARTS = TK / VL, PART_LOG = $clog2(PARTS);
  localparam int W = S + 19, CLOCKS = 9, TREE = (LEVELS + 1) / 2, QUERIES = plan::LOAD_PAIRS;
  logic running, goes, first, last, ends_image, ends;
  logic [C-1:0] v, left;
  logic [R-1:0] first_row, query_row, next_image;
  logic [QUERIES-1:0] query;  // of those of a row
  vector_cursor cursor (
      .clk(clk), .start(start), .next(goes), .tokens(stage.tokens),
      .vectors(C'(plan::SCORE_VECTORS)), .base('0), .stride('0), .v(v), .token(), .bank(), .row(),
      .first(first), .last(last), .ends_image(ends_image), .ends(ends));
  assign goes = running & vector_valid & (~first | largest_valid);
  assign vector_pop = goes;
  assign largest_pop = goes & first;
  assign left = stage.inner - (v << LEVELS);
  assign first_row = stage.half ? R'(plan::PROB_ROWS / 2) : '0;
  generate
    if (plan::BATCH > 1) begin : several
      image_rows images (
          .clk(clk), .start(start), .move(goes & ends_image), .first(first_row),
          .rows(R'(plan::PROB_IMAGE_ROWS)), .row(), .next_row(next_image), .last());
    end else begin : one
      assign next_image = '0;
    end
  endgenerate
  logic signed [S-1:0] held, most;
  assign most = first ? largest : held;
  always_ff @(posedge clk) begin
    running <= ~rst & (start | (running & ~(goes & ends)));
    if (largest_pop) held <= largest;
    if (start) begin
      query_row <= first_row;
      query <= QUERIES'(1);
    end else if (plan::BATCH > 1 & goes & ends_image) begin
      query_row <= next_image;
      query <= QUERIES'(1);
    end else if (goes & last) begin
      query <= query[QUERIES-1] ? QUERIES'(1) : QUERIES'(query << 1);
      if (query[QUERIES-1]) query_row <= query_row + R'(plan::PROB_STRIDE);
    end
  end

  logic [VL-1:0] present, inside_q;
  always_comb for (int i = 0; i < VL; i = i + 1) present[i] = left > C'(i);
  delay #(.BITS(VL), .CLOCKS(CLOCKS)) wait_inside (.clk(clk), .d(present), .q(inside_q));
  logic [VL-1:0][7:0] index, results;
  logic [VL-1:0][14:0] entries;
  exp_tables #(.LANES(VL)) table_ (.clk(clk), .index(index), .q(entries));
  logic [VL*9-1:0] addends;  // with a sign of 0
  generate
    for (genvar i = 0; i < VL; i = i + 1) begin : key
      logic signed [S:0] distance;
      logic signed [W-1:0] scaled, z;
      logic [3:0] octave;
      logic signed [15:0] p;
      assign index[i] = z[7:0];
      always_ff @(posedge clk)
        distance <= (S + 1)'(most) - (S + 1)'($signed(vector[i]));
      multiply_add #(.WA(S + 1), .WB(18), .SERIES7(plan::SERIES7)) scale (
          .clk(clk), .a(distance), .b(mult), .c(48'b0), .p(scaled));
      round_shift #(.W(W)) shift_scaled (.clk(clk), .value(scaled), .shift(shift), .q(z));
      always_ff @(posedge clk) octave <= z[W-1:8] > (W - 8)'(15) ? 4'd15 : z[11:8];
      round_shift #(.W(16)) shift_entry (
          .clk(clk), .value({1'b0, entries[i]}), .shift(6'd8 + 6'(octave)), .q(p));
      assign results[i] = inside_q[i] ? p[7:0] : 8'd0;
      assign addends[i*9+:9] = {1'b0, results[i]};
    end
  endgenerate

  // Results are there CLOCKS after their scores; then the write port, and the sum's tree.
  logic [PARTS-1:0] part, parts;
  logic [QUERIES-1:0] query_q;
  logic [R-1:0] row_q;
  logic valid, first_q, last_q;
  always_comb for (int p = 0; p < PARTS; p = p + 1) parts[p] = (v & C'(PARTS - 1)) == C'(p);
  delay #(.BITS(PARTS + QUERIES + R + 3), .CLOCKS(CLOCKS)) wait_results (
      .clk(clk), .d({parts, query, query_row + R'(v >> PART_LOG), goes & ~rst, first, last}),
      .q({part, query_q, row_q, valid, first_q, last_q}));
  always_ff @(posedge clk) begin
    row <= row_q;
    for (int q = 0; q < QUERIES; q = q + 1)
      for (int k = 0; k < TK; k = k + 1) begin
        write[q][k] <= valid & part[k/VL] & query_q[q] & ~rst;
        d[q][k] <= results[k%VL];
      end
  end
  logic [8+LEVELS:0] total;
  logic valid_sum, first_sum, last_sum;
  sum_tree #(.INPUTS(VL), .BITS(9)) add (.clk(clk), .values(addends), .total(total));
  delay #(.BITS(3), .CLOCKS(TREE)) wait_sum (
      .clk(clk), .d({valid, first_q, last_q}), .q({valid_sum, first_sum, last_sum}));
  always_ff @(posedge clk) begin
    sum_valid <= valid_sum & last_sum & ~rst;
    if (valid_sum) sum <= 16'(total) + (first_sum ? 16'd0 : sum);
  end
  logic [CLOCKS:0] going;
  logic any_going;  // of its bits
  always_ff @(posedge clk) begin
    going <= rst ? '0 : {going[CLOCKS-1:0], goes};
    any_going <= ~rst & (goes | (|going[CLOCKS-1:0]));
  end
  assign busy = running | any_going;
endmodule
