// Class token and position embedding from the weight stream into residual memory, RESIDUAL_LANES
// channels of 16 bits a word, token by token. The first of them goes into bank `turn`. Each word is
// written to all images of a pass, and leaves the stream with the last of them.
module load_residual (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    input logic word_valid,
    input logic [plan::STREAM_BITS-1:0] word,
    output logic word_ready,
    output logic write,
    output logic [plan::RESIDUAL_TURN_BITS-1:0] turn,
    output logic [plan::ROW_BITS-1:0] row,
    output logic [plan::RESIDUAL_LANES-1:0][15:0] d
);
  localparam int LANES = plan::RESIDUAL_LANES, LOG = $clog2(LANES), C = plan::COUNT_BITS;
  localparam int PART_LOG = $clog2(plan::RESIDUAL_BANKS / LANES), BY = plan::RESIDUAL_TURN_BITS;
  logic [C-1:0] group, groups, token;
  logic [plan::ROW_BITS-1:0] first_row, image_row;
  logic running, ends, goes, take, last_image;
  logic [1:0] adding;  // behind the last word
  assign groups = (stage.rows + C'(LANES - 1)) >> LOG;
  assign word_ready = running & last_image;
  assign goes = running & word_valid;
  assign take = goes & last_image;
  generate
    if (plan::BATCH > 1) begin : several
      image_rows images (
          .clk(clk), .start(start), .move(goes), .first('0),
          .rows(plan::ROW_BITS'(plan::RESIDUAL_IMAGE_ROWS)), .row(image_row), .next_row(),
          .last(last_image));
    end else begin : one
      assign last_image = 1'b1;
      assign image_row = '0;
    end
  endgenerate
  vector_cursor #(.IMAGES(1)) cursor (
      .clk(clk), .start(start), .next(take), .tokens(stage.tokens), .vectors(groups), .base('0),
      .stride(plan::ROW_BITS'(plan::RESIDUAL_STRIDE)), .v(group), .token(token), .bank(),
      .row(first_row), .first(), .last(), .ends_image(), .ends(ends));
  always_ff @(posedge clk) begin
    running <= ~rst & (start | (running & ~(take & ends)));
    write <= goes & ~rst;
    adding <= rst ? '0 : {adding[0], write};
    turn <= BY'(token + (group << LOG)) & BY'(plan::RESIDUAL_BANKS - 1);
    row <= first_row + plan::ROW_BITS'(group >> PART_LOG) + (plan::BATCH > 1 ? image_row : '0);
    for (int i = 0; i < LANES; i = i + 1) d[i] <= word[i*16+:16];
  end
  assign busy = running | write | (|adding);
endmodule
