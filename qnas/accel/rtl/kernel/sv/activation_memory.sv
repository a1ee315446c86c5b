// Activation memory as its users see it: TT x TK banks of activations, read at one row. Where a
// word holds ACT_WORD neighbouring tokens of a channel, a byte each, those that are written in the
// same clock are written at the same row.
module activation_memory (
    input logic clk,
    input logic [plan::TT-1:0][plan::TK-1:0] write,
    input logic [plan::TT-1:0][plan::TK-1:0][plan::ROW_BITS-1:0] to,
    input logic [plan::ROW_BITS-1:0] from,
    input logic [plan::TT-1:0][plan::TK-1:0][plan::ACT_BITS-1:0] d,
    output logic [plan::TT-1:0][plan::TK-1:0][plan::ACT_BITS-1:0] q
);
  localparam int TT = plan::TT, TK = plan::TK, R = plan::ROW_BITS, WX = plan::ACT_BITS;
  localparam int PER = plan::ACT_WORD, BYTE = PER > 1 ? 8 : WX, WORDS = (TT + PER - 1) / PER;
  logic [WORDS*TK-1:0][PER-1:0] writes;
  logic [WORDS*TK-1:0][R-1:0] rows;
  logic [WORDS*TK-1:0][PER*BYTE-1:0] words, words_q;
  generate
    for (genvar w = 0; w < WORDS; w = w + 1) begin : word
      for (genvar k = 0; k < TK; k = k + 1) begin : lane
        for (genvar i = 0; i < PER; i = i + 1) begin : part
          localparam int TOKEN = w * PER + i;
          if (TOKEN < TT) begin : held
            assign writes[w*TK+k][i] = write[TOKEN][k];
            assign words[w*TK+k][i*BYTE+:BYTE] = BYTE'(d[TOKEN][k]);
            assign q[TOKEN][k] = words_q[w*TK+k][i*BYTE+:WX];
          end else begin : absent
            assign writes[w*TK+k][i] = 1'b0;
            assign words[w*TK+k][i*BYTE+:BYTE] = '0;
          end
        end
        assign rows[w*TK+k] = to[w*PER][k];
      end
    end
  endgenerate
  memory #(.BITS(PER * BYTE), .BANKS(WORDS * TK), .DEPTH(plan::ACT_ROWS),
      .STORAGE(plan::ACT_STORAGE), .BYTES(PER), .WRITE_ROWS(WORDS * TK)) words_of_tokens (
      .clk(clk), .write(writes), .to(rows), .from(from), .d(words), .q(words_q));
endmodule
