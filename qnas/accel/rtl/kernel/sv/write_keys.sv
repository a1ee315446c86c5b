// A channel of TT keys into key memory, a clock after the results. Element (token, channel) lies
// in bank (token + channel) mod TK, each token in bank rows of its own.
module write_keys (
    input logic clk, rst,
    input plan::stage_t stage,
    input plan::place_t place,
    input logic [plan::TT-1:0][17:0] results,
    output logic [plan::TK-1:0] write,
    output logic [plan::TK-1:0][plan::ROW_BITS-1:0] row,
    output logic [plan::TK-1:0][7:0] d
);
  localparam int TT = plan::TT, TK = plan::TK, C = plan::COUNT_BITS, R = plan::ROW_BITS;
  localparam int BY = TK > 1 ? $clog2(TK) : 1, W = 1 + R + 8;
  logic [BY-1:0] turn;
  logic [TK-1:0][W-1:0] rows, turned;
  assign turn = BY'(place.lane) & BY'(TK - 1);
  always_comb
    for (int j = 0; j < TK; j = j + 1) begin
      rows[j] = '0;
      if (j < TT)
        rows[j] = {place.tokens > C'(j), place.row + R'(j * plan::KEY_STRIDE),
            results[j < TT ? j : 0][7:0]};
    end
  rotate #(.INPUTS(TK), .BITS(W), .UP(1)) turn_keys (.d(rows), .by(turn), .q(turned));
  logic active;
  assign active = ~rst & stage.dst == plan::DST_KEY & place.valid[0];
  always_ff @(posedge clk)
    for (int k = 0; k < TK; k = k + 1) begin
      write[k] <= active & turned[k][W-1];
      row[k] <= turned[k][8+:R];
      d[k] <= turned[k][7:0];
    end
endmodule
