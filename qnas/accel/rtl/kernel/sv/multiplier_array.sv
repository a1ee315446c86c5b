// The multiplier array: TM row slots x TT tokens x TK inputs a beat, output-stationary. The last
// LUT_SLOTS slots, and of each slot the last LUT_TOKENS tokens, multiply in LUTs, the others in
// DSPs, packed where a DSP holds more than one product. What neighbours share is made once, at the edge: packed operands, and their delays down
// a cascade. `drain` holds a tile's sums CLOCKS after its last beat.
module multiplier_array (
    input logic clk,
    input logic valid, first, last,
    input logic [plan::TM-1:0][plan::TK-1:0][3:0] weight,
    input logic [plan::TT-1:0][plan::TK-1:0][plan::ACT_BITS-1:0] act,
    output logic [plan::TM-1:0][plan::TT-1:0][plan::ACC_BITS-1:0] drain
);
  localparam int TM = plan::TM, TT = plan::TT, TK = plan::TK, ACC = plan::ACC_BITS;
  localparam int WX = plan::ACT_BITS, CASCADE = plan::CASCADE, PER = plan::DSP_TOKENS;
  localparam int DSP_SLOTS = TM - plan::LUT_SLOTS, DSP_TOKENS = TT - plan::LUT_TOKENS;
  localparam int PACKED_SLOTS = plan::DSP_ROWS == 2 ? DSP_SLOTS : 0;
  localparam int GROUPS = (DSP_TOKENS + PER - 1) / PER;  // of tokens that share a DSP
  localparam int APART = PER * plan::FIELD_BITS;  // of two row slots
  logic [2:0] control;
  always_ff @(posedge clk) control <= {valid, first, last};
  generate
    if (PACKED_SLOTS > 0 && GROUPS > 0) begin : packed_lanes
      logic [PACKED_SLOTS/2*TK*27-1:0] a;
      logic [GROUPS*TK*18-1:0] b;
      for (genvar m = 0; m < PACKED_SLOTS / 2; m = m + 1) begin : pair
        for (genvar k = 0; k < TK; k = k + 1) begin : lane
          pack #(.WIDE(27), .APART(APART), .BITS(4), .CLOCKS(1 + k % CASCADE)) rows (
              .clk(clk), .low(weight[2*m][k]), .high(weight[2*m+1][k]), .q(a[(m*TK+k)*27+:27]));
        end
      end
      for (genvar g = 0; g < GROUPS; g = g + 1) begin : group
        localparam int TOKEN = g * PER;
        // Of an odd number of tokens the last one is multiplied twice.
        localparam int OTHER = TOKEN + 1 < DSP_TOKENS ? TOKEN + 1 : TOKEN;
        for (genvar k = 0; k < TK; k = k + 1) begin : lane
          if (PER == 2) begin : two
            pack #(.WIDE(18), .APART(plan::FIELD_BITS), .BITS(WX), .CLOCKS(1 + k % CASCADE))
            tokens (
                .clk(clk), .low(act[TOKEN][k]), .high(act[OTHER][k]), .q(b[(g*TK+k)*18+:18]));
          end else begin : one
            delay #(.BITS(18), .CLOCKS(1 + k % CASCADE)) tokens (
                .clk(clk), .d(18'($signed(act[TOKEN][k]))), .q(b[(g*TK+k)*18+:18]));
          end
        end
        for (genvar m = 0; m < PACKED_SLOTS / 2; m = m + 1) begin : block
          logic [2*PER*ACC-1:0] sums;
          packed_lane lane (
              .clk(clk), .valid(control[2]), .first(control[1]), .last(control[0]),
              .a(a[m*TK*27+:TK*27]), .b(b[g*TK*18+:TK*18]), .drain(sums));
          assign drain[2*m][TOKEN] = sums[0+:ACC];
          assign drain[2*m+1][TOKEN] = sums[PER*ACC+:ACC];
          if (OTHER != TOKEN & PER == 2) begin : both
            assign drain[2*m][OTHER] = sums[ACC+:ACC];
            assign drain[2*m+1][OTHER] = sums[(PER+1)*ACC+:ACC];
          end
        end
      end
    end
  endgenerate
  generate
    // Lanes of one product are faster than cascades: their operands wait.
    for (genvar s = 0; s < TM; s = s + 1) begin : slot
      localparam int PACKED_TOKENS = s < PACKED_SLOTS ? DSP_TOKENS : 0;
      for (genvar t = PACKED_TOKENS; t < TT; t = t + 1) begin : token
        localparam int IN_DSP = s < DSP_SLOTS && t < DSP_TOKENS ? 1 : 0;
        localparam int WAIT = plan::ARRAY_CLOCKS - (IN_DSP != 0 ? 6 : 4);
        logic [TK*4-1:0] w;
        logic [TK*WX-1:0] x;
        logic [2:0] now;
        delay #(.BITS(TK * 4), .CLOCKS(WAIT)) wait_w (.clk(clk), .d(weight[s]), .q(w));
        delay #(.BITS(TK * WX), .CLOCKS(WAIT)) wait_x (.clk(clk), .d(act[t]), .q(x));
        delay #(.BITS(3), .CLOCKS(WAIT - 1)) wait_control (.clk(clk), .d(control), .q(now));
        plain_lane #(.TK(TK), .ACC(ACC), .WX(WX), .IN_DSP(IN_DSP), .SERIES7(plan::SERIES7)) lane (
            .clk(clk), .valid(now[2]), .first(now[1]), .last(now[0]), .w(w), .x(x),
            .drain(drain[s][t]));
      end
    end
  endgenerate
endmodule
