// Which image of a pass the tiles of a GEMM belong to. A row tile of weights meets the token tiles
// of image after image; of keys or probabilities every image has its OWN row tiles. `next`: the
// token tiles of an image are through.
module tile_images (
    input logic clk, start, next, own,
    input logic [plan::COUNT_BITS-1:0] row_tiles,  // of an image
    input logic [plan::ROW_BITS-1:0] first, rows,  // as of image_rows
    // What `next` leads to: the first row of an image, perhaps another one; and what it ends: a row
    // tile, all of them.
    output logic [plan::ROW_BITS-1:0] following,
    output logic moves, ends_row_tile, ends
);
  logic [plan::COUNT_BITS-1:0] left;  // row tiles of an image behind this one
  logic [plan::ROW_BITS-1:0] row, next_row;
  logic last_row_tile, last_image;
  assign moves = ~own | last_row_tile;
  assign ends_row_tile = own | last_image;
  assign ends = last_row_tile & last_image;
  assign following = moves ? next_row : row;
  image_rows images (
      .clk(clk), .start(start), .move(next & moves), .first(first), .rows(rows), .row(row),
      .next_row(next_row), .last(last_image));
  always_ff @(posedge clk)
    if (start | (next & ends_row_tile)) begin
      left <= start | last_row_tile ? row_tiles - 1'b1 : left - 1'b1;
      last_row_tile <= start | last_row_tile ? row_tiles == 1 : left == 1;
    end
endmodule
