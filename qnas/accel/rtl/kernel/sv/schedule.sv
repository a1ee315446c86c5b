// Which beat of which tile the array multiplies: row tile by row tile as they are loaded, in each
// the token tiles of an image or of all images of a pass. A tile takes `tile_steps` clocks, of which
// `beats` read the memories: what is left gives the tile before it time to drain.
module schedule (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    input logic [plan::COUNT_BITS-1:0] loaded,  // row tiles
    output logic [plan::COUNT_BITS-1:0] multiplied,
    output logic [plan::ROW_BITS-1:0] act_row, weight_row,
    // Beside the operands, two clocks after `act_row` was chosen.
    output logic valid, first, last
);
  localparam int C = plan::COUNT_BITS, R = plan::ROW_BITS;
  logic running, goes, ends_tile, ends_image, ends_row_tile, ends, multiplies;
  logic whole, all;  // an image's token tiles end a row tile, the last one
  logic [C-1:0] token_tile, step;
  logic [R-1:0] src_row, following;  // the row of a tile, and of an image's first one
  assign goes = running & loaded != multiplied;
  assign multiplies = goes & step < stage.beats;
  assign ends_tile = step == stage.tile_steps - 1'b1;
  assign ends_image = ends_tile & token_tile == stage.token_tiles - 1'b1;
  assign ends_row_tile = ends_image & whole;
  assign ends = plan::BATCH > 1 ? all : multiplied == stage.row_tiles - 1'b1;
  generate
    if (plan::BATCH > 1) begin : several
      tile_images images (
          .clk(clk), .start(start), .next(goes & ends_image), .own(stage.left != plan::WEIGHTS),
          .row_tiles(stage.row_tiles), .first(stage.src_base), .rows(R'(plan::ACT_IMAGE_ROWS)),
          .following(following), .moves(), .ends_row_tile(whole), .ends(all));
    end else begin : one
      assign following = stage.src_base;
      assign {whole, all} = 2'b11;
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (start) begin
      running <= 1'b1;
      {token_tile, step, multiplied} <= '0;
      src_row <= stage.src_base;
    end else if (goes) begin
      step <= ends_tile ? '0 : step + 1'b1;
      if (ends_tile) begin
        token_tile <= ends_image ? '0 : token_tile + 1'b1;
        src_row <= ends_image ? following : src_row + stage.src_stride;
      end
      if (ends_row_tile) begin
        multiplied <= multiplied + 1'b1;
        if (ends) running <= 1'b0;
      end
    end
    if (rst) running <= 1'b0;
  end
  assign busy = running;

  logic multiplies_q, first_q, last_q;
  always_ff @(posedge clk) begin
    act_row <= src_row + R'(step);
    weight_row <= (multiplied[0] ? R'(plan::MAX_BEATS) : '0) + R'(step);
    multiplies_q <= multiplies;
    first_q <= step == 0;
    last_q <= step == stage.beats - 1'b1;
    valid <= multiplies_q;
    first <= first_q;
    last <= last_q;
  end
endmodule
