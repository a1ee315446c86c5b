// Where a pass through the vectors of all tokens stands: vector `v` of token `token`. Its rows of a
// memory begin at `row`, which is `base` at first and moves by `stride`: with every token, or, where
// tokens are GROUPED, with every TT of them, of which this one lies in bank `bank`. `start` puts it
// before the first vector, `next` moves it on; `ends` with the last.
module vector_cursor #(
    parameter int GROUPED = 0
) (
    input logic clk, start, next,
    input logic [plan::COUNT_BITS-1:0] tokens, vectors,
    input logic [plan::ROW_BITS-1:0] base, stride,
    output logic [plan::COUNT_BITS-1:0] v, token,
    output logic [plan::TT-1:0] bank,  // one of them
    output logic [plan::ROW_BITS-1:0] row,
    output logic first, last, ends
);
  localparam int TT = plan::TT;
  assign first = v == 0;
  assign last = v == vectors - 1'b1;
  assign ends = last & token == tokens - 1'b1;
  always_ff @(posedge clk) begin
    if (start) begin
      {token, v} <= '0;
      bank <= TT'(1);
      row <= base;
    end else if (next) begin
      v <= last ? '0 : v + 1'b1;
      if (last) begin
        token <= token + 1'b1;
        bank <= bank[TT-1] ? TT'(1) : TT'(bank << 1);
        if (GROUPED == 0 | bank[TT-1]) row <= row + stride;
      end
    end
  end
endmodule
