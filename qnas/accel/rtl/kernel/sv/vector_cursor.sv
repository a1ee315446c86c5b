// Where a pass through the vectors of all tokens stands: vector `v` of a token, whose group of TT
// tokens begins at `row` of its memory and at `out_row` of where its result goes; the token lies
// in bank `bank`. `start` puts it before the first vector, `next` moves it on; `ends` with the
// last.
module vector_cursor (
    input logic clk, start, next,
    input logic [plan::COUNT_BITS-1:0] tokens, vectors,
    input logic [plan::ROW_BITS-1:0] base, stride, out_base, out_stride,
    output logic [plan::COUNT_BITS-1:0] v,
    output logic [plan::TT-1:0] bank,  // one of them
    output logic [plan::ROW_BITS-1:0] row, out_row,
    output logic first, last, ends
);
  localparam int TT = plan::TT;
  logic [plan::COUNT_BITS-1:0] token;
  assign first = v == 0;
  assign last = v == vectors - 1'b1;
  assign ends = last & token == tokens - 1'b1;
  always_ff @(posedge clk) begin
    if (start) begin
      {token, v} <= '0;
      bank <= TT'(1);
      row <= base;
      out_row <= out_base;
    end else if (next) begin
      v <= last ? '0 : v + 1'b1;
      if (last) begin
        token <= token + 1'b1;
        bank <= bank[TT-1] ? TT'(1) : TT'(bank << 1);
        if (bank[TT-1]) begin
          row <= row + stride;
          out_row <= out_row + out_stride;
        end
      end
    end
  end
endmodule
