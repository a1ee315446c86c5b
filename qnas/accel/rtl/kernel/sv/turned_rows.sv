// Rows of BANKS banks that hold USED neighbouring tokens, STRIDE rows each: the first token, whose
// row is `row`, lies in bank `turn`, the others in the banks that follow, around them. Of banks
// without a token any row. `same`: `row` everywhere.
module turned_rows #(
    parameter int BANKS = 4, USED = 4, STRIDE = 1, BY = BANKS > 1 ? $clog2(BANKS) : 1
) (
    input logic [BY-1:0] turn,
    input logic same,
    input logic [plan::ROW_BITS-1:0] row,
    output logic [BANKS-1:0][plan::ROW_BITS-1:0] rows
);
  localparam int R = plan::ROW_BITS;
  logic [BANKS*R-1:0] offsets;  // by how far a token is from the first
  generate
    for (genvar j = 0; j < BANKS; j = j + 1) begin : token
      assign offsets[j*R+:R] = R'(j < USED ? j * STRIDE : 0);
    end
    for (genvar b = 0; b < BANKS; b = b + 1) begin : bank
      logic [R-1:0] offset;
      choose #(.INPUTS(BANKS), .BITS(R)) choose_offset (
          .values(offsets), .index(BY'(b) - turn), .q(offset));
      assign rows[b] = row + (same ? '0 : offset);
    end
  endgenerate
endmodule
