// The residual stream's memory as its users see it. Element (token, channel) lies in bank (token +
// channel) mod BANKS, each token in rows of its own.
// - A channel of TT tokens is added: turned to the banks, read, summed, saturated, written.
// - Channels of one token are loaded, the same way, but as they are.
// - LayerNorm reads a row of one token, which all banks have at the same place.
module add_residual (
    input logic clk, rst,
    input plan::stage_t stage,
    input plan::place_t place,
    input logic [plan::TT-1:0][17:0] results,
    input logic load_write,
    input logic [plan::RESIDUAL_TURN_BITS-1:0] load_turn,
    input logic [plan::ROW_BITS-1:0] load_row, norm_row,
    input logic [plan::RESIDUAL_LANES-1:0][15:0] load_d,
    // The memory's ports; what is read comes a clock later.
    output logic [plan::RESIDUAL_BANKS-1:0][plan::ROW_BITS-1:0] from,
    input logic [plan::RESIDUAL_BANKS-1:0][15:0] old,
    output logic [plan::RESIDUAL_BANKS-1:0] write,
    output logic [plan::RESIDUAL_BANKS-1:0][plan::ROW_BITS-1:0] row,
    output logic [plan::RESIDUAL_BANKS-1:0][15:0] d
);
  localparam int TT = plan::TT, BANKS = plan::RESIDUAL_BANKS, C = plan::COUNT_BITS;
  localparam int R = plan::ROW_BITS, BY = plan::RESIDUAL_TURN_BITS, LANES = plan::RESIDUAL_LANES;
  logic loads, adds, reads;  // of the stage
  always_ff @(posedge clk) begin
    loads <= stage.kind == plan::LOAD_RESIDUAL;
    reads <= stage.kind == plan::LAYER_NORM;
    adds <= stage.kind == plan::GEMM & stage.dst == plan::DST_RESIDUAL & ~rst;
  end
  // Clock 1: what is written beside its banks, and the request. Clock 2: memory reads.
  logic [BANKS-1:0][18:0] values, turned;  // and whether there is one
  logic [BANKS-1:0][R-1:0] rows, from2;
  logic [BANKS-1:0][18:0] update, update2;
  logic [BY-1:0] turn;
  assign turn = loads ? load_turn : BY'(place.lane) & BY'(BANKS - 1);
  always_comb begin
    values = '0;
    for (int j = 0; j < TT; j = j + 1)
      values[j] = {adds & place.valid[0] & place.tokens > C'(j), results[j]};
    if (loads)
      for (int j = 0; j < LANES; j = j + 1) values[j] = {load_write, 18'($signed(load_d[j]))};
  end
  rotate #(.INPUTS(BANKS), .BITS(19), .UP(1)) turn_values (.d(values), .by(turn), .q(turned));
  turned_rows #(.BANKS(BANKS), .USED(TT), .STRIDE(plan::RESIDUAL_STRIDE)) turn_rows (
      .turn(turn), .same(loads | reads), .row(reads ? norm_row : loads ? load_row : place.row),
      .rows(rows));
  always_ff @(posedge clk) begin
    from <= rows;
    from2 <= from;
    row <= from2;
    update <= turned;
    update2 <= update;
  end
  // Clock 3: the sum, and the write port.
  generate
    for (genvar b = 0; b < BANKS; b = b + 1) begin : bank
      logic signed [18:0] sum;
      assign sum = 19'($signed(update2[b][17:0])) + (loads ? 19'sd0 : 19'($signed(old[b])));
      always_ff @(posedge clk) begin
        write[b] <= update2[b][18] & ~rst;
        d[b] <= sum < -19'sd32768 ? 16'h8000 : sum > 19'sd32767 ? 16'h7fff : sum[15:0];
      end
    end
  endgenerate
endmodule
