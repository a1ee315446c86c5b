// Softmax of the scores of one head: a word of parameters from the weight stream, then two passes
// that run side by side, a query apart. The sum of a query is divided out later, in the
// requantization of P.V, by the (shift, mult) that is written for it here.
module softmax (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    input logic word_valid,
    input logic [plan::STREAM_BITS-1:0] word,
    output logic word_ready,
    output logic [plan::ROW_BITS-1:0] from,
    input logic [plan::SCORE_BANKS-1:0][plan::SCORE_BITS-1:0] score,
    output logic [plan::LOAD_PAIRS-1:0][plan::TK-1:0] write,
    output logic [plan::ROW_BITS-1:0] row,
    output logic [plan::LOAD_PAIRS-1:0][plan::TK-1:0][7:0] d,
    output logic [plan::DRAIN_PAIRS-1:0] scale_write,
    output logic [plan::ROW_BITS-1:0] scale_row,
    output logic [plan::DRAIN_PAIRS-1:0][23:0] scale  // a copy for each bank
);
  localparam int VL = plan::VL, S = plan::SCORE_BITS, C = plan::COUNT_BITS, R = plan::ROW_BITS;
  localparam int PAIRS = plan::DRAIN_PAIRS;
  logic loading, starts, take;
  logic [17:0] mult, out_mult;
  logic [5:0] shift, out_shift;
  assign word_ready = loading;
  assign take = loading & word_valid;
  always_ff @(posedge clk) begin
    loading <= ~rst & (start | (loading & ~take));
    starts <= ~rst & take;
    if (take) {out_shift, out_mult, shift, mult} <= word[47:0];
  end

  logic vector_push, vector_valid, vector_pop, largest_push, largest_valid, largest_pop, passing;
  logic [VL-1:0][S-1:0] read, vector;
  logic [S-1:0] found, largest;
  logic sum_valid;
  logic [15:0] sum;
  maximum first_pass (
      .clk(clk), .rst(rst), .start(starts), .stage(stage), .from(from), .score(score),
      .vector_push(vector_push), .largest_push(largest_push), .vector(read), .largest(found));
  fifo #(.BITS(VL * S), .DEPTH(plan::SCORE_STREAM_DEPTH),
      .STORAGE(plan::SCORE_STREAM_STORAGE)) vectors (
      .clk(clk), .rst(rst), .push(vector_push), .d(read), .ready(), .pop(vector_pop),
      .valid(vector_valid), .q(vector), .level());
  fifo #(.BITS(S), .DEPTH(plan::RESULT_DEPTH)) maxima (
      .clk(clk), .rst(rst), .push(largest_push), .d(found), .ready(), .pop(largest_pop),
      .valid(largest_valid), .q(largest), .level());
  exponentials second_pass (
      .clk(clk), .rst(rst), .start(starts), .stage(stage), .mult(mult), .shift(shift),
      .busy(passing), .vector_valid(vector_valid), .largest_valid(largest_valid),
      .vector_pop(vector_pop), .largest_pop(largest_pop), .vector(vector), .largest(largest),
      .write(write), .row(row), .d(d), .sum_valid(sum_valid), .sum(sum));

  // Sums become scales in order, query by query, image after image.
  logic [plan::ROW_SCALE_CLOCKS-1:0] scaling;
  logic [C-1:0] query, left;
  logic divides, last_query, last_image, wraps;
  logic dividing;  // some are left
  logic [R-1:0] first_scale, scales;  // rows
  logic [23:0] divided;
  row_scale divider (
      .clk(clk), .mult(out_mult), .shift(out_shift), .sum(sum), .scale(divided));
  assign scale = {PAIRS{divided}};
  assign divides = scaling[plan::ROW_SCALE_CLOCKS-1];
  assign last_query = left == 1;
  assign wraps = plan::BATCH > 1 & divides & last_query;
  assign first_scale = stage.half ? R'(plan::QUERY_SCALE_ROWS / 2) : '0;
  generate
    if (plan::BATCH > 1) begin : several
      image_rows images (
          .clk(clk), .start(start), .move(divides & last_query), .first(first_scale),
          .rows(R'(plan::QUERY_SCALE_IMAGE_ROWS)), .row(scales), .next_row(), .last(last_image));
    end else begin : one
      assign scales = first_scale;
      assign last_image = 1'b1;
    end
  endgenerate
  always_ff @(posedge clk) begin
    scaling <= rst ? '0 : {scaling[plan::ROW_SCALE_CLOCKS-2:0], sum_valid};
    query <= start | wraps ? '0 : query + C'(divides);
    left <= start | wraps ? stage.tokens : left - C'(divides);
    dividing <= ~rst & (start | (dividing & ~(divides & last_query & last_image)));
  end
  assign scale_row = scales + R'(query >> $clog2(PAIRS));
  always_comb
    for (int p = 0; p < PAIRS; p = p + 1)
      scale_write[p] = divides & (query & C'(PAIRS - 1)) == C'(p);
  assign busy = loading | starts | passing | dividing;
endmodule
