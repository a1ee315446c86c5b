// Which of IMAGES images of a pass a unit stands at. Its rows of a memory begin at `row`, those of
// the image that follows at `next_row`; behind the last image comes the first one again. `start`
// puts it at the first, `move` at the next one.
module image_rows #(
    parameter int IMAGES = plan::BATCH
) (
    input logic clk, start, move,
    input logic [plan::ROW_BITS-1:0] first, rows,  // the first image's, and how many an image has
    output logic [plan::ROW_BITS-1:0] row, next_row,
    output logic last
);
  localparam int I = $clog2(IMAGES);
  logic [I-1:0] image;
  logic ends;  // the next image is the last one
  assign ends = image == I'(IMAGES - 2);
  always_ff @(posedge clk)
    if (start) begin
      image <= '0;
      last <= 1'b0;
      row <= first;
      next_row <= first + rows;
    end else if (move) begin
      image <= last ? '0 : image + 1'b1;
      last <= ends;
      row <= next_row;
      next_row <= ends ? first : next_row + rows;
    end
endmodule
