// Where a pass through the vectors of all tokens stands: vector `v` of token `token`, image after
// image. Its rows of a memory begin at `row`, which is `base` at first and moves by `stride`: with
// every token, or, where tokens are GROUPED, with every TT of them, of which this one lies in bank
// `bank`; each of IMAGES images has IMAGE_ROWS rows. `start` puts it before the first vector, `next`
// moves it on; `ends` with the last, `ends_image` with the last of an image.
module vector_cursor #(
    parameter int GROUPED = 0, IMAGES = plan::BATCH, IMAGE_ROWS = 0
) (
    input logic clk, start, next,
    input logic [plan::COUNT_BITS-1:0] tokens, vectors,
    input logic [plan::ROW_BITS-1:0] base, stride,
    output logic [plan::COUNT_BITS-1:0] v, token,
    output logic [plan::TT-1:0] bank,  // one of them
    output logic [plan::ROW_BITS-1:0] row,
    output logic first, last, ends_image, ends
);
  localparam int TT = plan::TT;
  assign first = v == 0;
  assign last = v == vectors - 1'b1;
  assign ends_image = last & token == tokens - 1'b1;
  logic [plan::ROW_BITS-1:0] next_image;  // its first row
  logic wraps;  // to the next image, with `next`
  generate
    if (IMAGES > 1) begin : several
      logic last_image;
      image_rows #(.IMAGES(IMAGES)) images (
          .clk(clk), .start(start), .move(next & ends_image), .first(base),
          .rows(plan::ROW_BITS'(IMAGE_ROWS)), .row(), .next_row(next_image), .last(last_image));
      assign ends = ends_image & last_image;
      assign wraps = ends_image;
    end else begin : one
      assign ends = ends_image;
      assign wraps = 1'b0;
      assign next_image = '0;
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (start) begin
      {token, v} <= '0;
      bank <= TT'(1);
      row <= base;
    end else if (next) begin
      v <= last ? '0 : v + 1'b1;
      if (last) begin
        token <= wraps ? '0 : token + 1'b1;
        bank <= wraps | bank[TT-1] ? TT'(1) : TT'(bank << 1);
        if (wraps) row <= next_image;
        else if (GROUPED == 0 | bank[TT-1]) row <= row + stride;
      end
    end
  end
endmodule
