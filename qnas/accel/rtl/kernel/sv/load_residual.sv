// Class token and position embedding from the weight stream into residual memory, RESIDUAL_LANES
// channels of 16 bits a word, token by token.
module load_residual (
    input logic clk, rst, start,
    input plan::stage_t stage,
    output logic busy,
    input logic word_valid,
    input logic [plan::STREAM_BITS-1:0] word,
    output logic word_ready,
    output logic write,
    output logic [plan::TT-1:0] bank,
    output logic [plan::VL-1:0] lane,
    output logic [plan::ROW_BITS-1:0] row,
    output logic [plan::VL-1:0][15:0] d
);
  localparam int LANES = plan::RESIDUAL_LANES, PARTS = plan::VL / LANES, C = plan::COUNT_BITS;
  localparam int LOG = $clog2(LANES), PART_LOG = $clog2(PARTS);
  logic [C-1:0] group, groups;
  logic [plan::TT-1:0] bank_now;
  logic [plan::ROW_BITS-1:0] first_row;
  logic running, ends, take;
  assign groups = (stage.rows + C'(LANES - 1)) >> LOG;
  assign word_ready = running;
  assign take = running & word_valid;
  vector_cursor cursor (
      .clk(clk), .start(start), .next(take), .tokens(stage.tokens), .vectors(groups), .base('0),
      .stride(plan::ROW_BITS'(plan::RESIDUAL_STRIDE)), .out_base('0), .out_stride('0), .v(group),
      .bank(bank_now), .row(first_row), .out_row(), .first(), .last(), .ends(ends));
  always_ff @(posedge clk) begin
    running <= ~rst & (start | (running & ~(take & ends)));
    write <= take;
    bank <= bank_now;
    row <= first_row + plan::ROW_BITS'(group >> PART_LOG);
    for (int k = 0; k < plan::VL; k = k + 1) begin
      lane[k] <= C'(k / LANES) == (group & C'(PARTS - 1));
      d[k] <= word[k%LANES*16+:16];
    end
  end
  assign busy = running | write;
endmodule
