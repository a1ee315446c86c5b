// The image port's words into activation memory, PATCH_LANES pixels of 8 bits a word, patch by
// patch, image after image.
module load_patches (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    input logic word_valid,
    input logic [plan::PORT_BITS-1:0] word,
    output logic word_ready,
    output logic write,
    output logic [plan::TT-1:0] bank,
    output logic [plan::TK-1:0] lane,
    output logic [plan::ROW_BITS-1:0] row,
    output logic [plan::TK-1:0][plan::ACT_BITS-1:0] d
);
  localparam int LANES = plan::PATCH_LANES, PARTS = plan::TK / LANES, C = plan::COUNT_BITS;
  localparam int LOG = $clog2(LANES), PART_LOG = $clog2(PARTS);
  logic [C-1:0] group, groups;
  logic [plan::TT-1:0] bank_now;
  logic [plan::ROW_BITS-1:0] first_row;
  logic running, ends, take;
  assign groups = (stage.rows + C'(LANES - 1)) >> LOG;
  assign word_ready = running;
  assign take = running & word_valid;
  vector_cursor #(.GROUPED(1), .IMAGE_ROWS(plan::ACT_IMAGE_ROWS)) cursor (
      .clk(clk), .start(start), .next(take), .tokens(stage.tokens), .vectors(groups),
      .base(stage.dst_base), .stride(stage.dst_stride), .v(group), .token(), .bank(bank_now),
      .row(first_row), .first(), .last(), .ends_image(), .ends(ends));
  always_ff @(posedge clk) begin
    running <= ~rst & (start | (running & ~(take & ends)));
    write <= take;
    bank <= bank_now;
    row <= first_row + plan::ROW_BITS'(group >> PART_LOG);
    for (int k = 0; k < plan::TK; k = k + 1) begin
      lane[k] <= C'(k / LANES) == (group & C'(PARTS - 1));
      d[k] <= word[k%LANES*8+:plan::ACT_BITS];
    end
  end
  assign busy = running | write;
endmodule
