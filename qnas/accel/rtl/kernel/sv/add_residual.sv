// Adds a channel of TT tokens to the residual stream: read, choose the lane, add, saturate, write.
// A token offset of 1 turns the banks by one: the last token of a tile belongs to the next group.
module add_residual (
    input logic clk, rst,
    input plan::stage_t stage,
    input plan::place_t place,
    input logic [plan::TT-1:0][17:0] results,
    output logic [plan::TT-1:0][plan::ROW_BITS-1:0] from,  // answers a clock later
    input logic [plan::TT-1:0][plan::VL-1:0][15:0] old,
    output logic [plan::TT-1:0][plan::VL-1:0] write,
    output logic [plan::TT-1:0][plan::ROW_BITS-1:0] row,
    output logic [plan::TT-1:0][15:0] d
);
  localparam int TT = plan::TT, VL = plan::VL, C = plan::COUNT_BITS, R = plan::ROW_BITS;
  localparam int LW = VL > 1 ? $clog2(VL) : 1;
  logic turns;
  assign turns = stage.token_offset[0];
  // Clock 1: the request, results beside their banks.
  logic [TT-1:0] valid, valid4;
  logic [TT-1:0][17:0] update, update3;
  logic [LW-1:0] lane, lane2, lane4;
  always_ff @(posedge clk) begin
    lane <= LW'(place.lane) & LW'(VL - 1);
    for (int b = 0; b < TT; b = b + 1) begin
      from[b] <= place.row + (b == 0 & turns ? R'(plan::RESIDUAL_STRIDE) : '0);
      update[b] <= turns ? results[(b+TT-1)%TT] : results[b];
      valid[b] <= ~rst & place.valid[0] & stage.dst == plan::DST_RESIDUAL &
          place.tokens > (turns ? C'((b + TT - 1) % TT) : C'(b));
    end
  end
  // Clock 3: the lane of what was read. Clock 4: the sum. Clock 5: the write port.
  delay #(.BITS(LW), .CLOCKS(1)) wait_lane (.clk(clk), .d(lane), .q(lane2));
  delay #(.BITS(LW), .CLOCKS(2)) wait_write (.clk(clk), .d(lane2), .q(lane4));
  delay #(.BITS(TT * 18), .CLOCKS(2)) wait_old (.clk(clk), .d(update), .q(update3));
  delay #(.BITS(TT), .CLOCKS(3)) wait_valid (.clk(clk), .d(valid), .q(valid4));
  logic [TT-1:0][R-1:0] row4;
  delay #(.BITS(TT * R), .CLOCKS(3)) wait_row (.clk(clk), .d(from), .q(row4));
  always_ff @(posedge clk) row <= row4;
  generate
    for (genvar b = 0; b < TT; b = b + 1) begin : bank
      logic [VL*16-1:0] flat;
      logic [15:0] chosen, old_q;
      logic signed [18:0] sum;
      assign flat = old[b];
      choose #(.INPUTS(VL), .BITS(16)) choose_lane (.values(flat), .index(lane2), .q(chosen));
      always_ff @(posedge clk) begin
        old_q <= chosen;
        sum <= 19'($signed(old_q)) + 19'($signed(update3[b]));
        d[b] <= sum < -19'sd32768 ? 16'h8000 : sum > 19'sd32767 ? 16'h7fff : sum[15:0];
        for (int v = 0; v < VL; v = v + 1) write[b][v] <= valid4[b] & lane4 == LW'(v);
      end
    end
  endgenerate
endmodule
