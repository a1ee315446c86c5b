// The multiplier array: TM row slots x TT tokens x TK inputs a beat, output-stationary. The last
// LUT_SLOTS slots multiply in fabric, the others in DSPs, packed or one a product. What neighbours
// share is made once, at the edge: packed operands, and their delays down a cascade.
//
// weight: nibble (slot, input) at slot * TK + input. act: (token, input) at token * TK + input.
// drain: (slot, token) at slot * TT + token; it holds a tile's sums CLOCKS after its last beat.
module mac_array #(
    parameter int TM = 4, TT = 2, TK = 4, LUT_SLOTS = 0, ACC = 22, WX = 6, PACKED = 1, SERIES7 = 0,
    parameter int CASCADE = TK < 4 ? TK : 4,
    parameter int CLOCKS = PACKED != 0 ? CASCADE + 6 : 7
) (
    input logic clk,
    input logic valid, first, last,
    input logic [TM*TK*4-1:0] weight,
    input logic [TT*TK*WX-1:0] act,
    output logic [TM*TT*ACC-1:0] drain
);
  localparam int DSP_SLOTS = TM - LUT_SLOTS;
  localparam int BLOCKS = (TT + 1) / 2;
  logic [2:0] control;
  always_ff @(posedge clk) control <= {valid, first, last};
  generate
    if (PACKED != 0) begin : packed_lanes
      logic [DSP_SLOTS/2*TK*27-1:0] a;
      logic [BLOCKS*TK*18-1:0] b;
      for (genvar m = 0; m < DSP_SLOTS / 2; m = m + 1) begin : pair
        for (genvar k = 0; k < TK; k = k + 1) begin : input_
          pack #(.WIDE(27), .APART(22), .BITS(4), .CLOCKS(1 + k % CASCADE)) pack_a (
              .clk(clk), .low(weight[(2*m*TK+k)*4+:4]), .high(weight[((2*m+1)*TK+k)*4+:4]),
              .q(a[(m*TK+k)*27+:27]));
        end
      end
      for (genvar j = 0; j < BLOCKS; j = j + 1) begin : tokens
        localparam int OTHER = 2 * j + 1 < TT ? 2 * j + 1 : 2 * j;
        for (genvar k = 0; k < TK; k = k + 1) begin : input_
          pack #(.WIDE(18), .APART(11), .BITS(WX), .CLOCKS(1 + k % CASCADE)) pack_b (
              .clk(clk), .low(act[(2*j*TK+k)*WX+:WX]), .high(act[(OTHER*TK+k)*WX+:WX]),
              .q(b[(j*TK+k)*18+:18]));
        end
        for (genvar m = 0; m < DSP_SLOTS / 2; m = m + 1) begin : block
          logic [4*ACC-1:0] sums;
          packed_block #(.TK(TK), .ACC(ACC)) lanes (
              .clk(clk), .valid(control[2]), .first(control[1]), .last(control[0]),
              .a(a[m*TK*27+:TK*27]), .b(b[j*TK*18+:TK*18]), .drain(sums));
          assign drain[(2*m*TT+2*j)*ACC+:ACC] = sums[0+:ACC];
          assign drain[((2*m+1)*TT+2*j)*ACC+:ACC] = sums[2*ACC+:ACC];
          if (OTHER != 2 * j) begin : both
            assign drain[(2*m*TT+OTHER)*ACC+:ACC] = sums[ACC+:ACC];
            assign drain[((2*m+1)*TT+OTHER)*ACC+:ACC] = sums[3*ACC+:ACC];
          end
        end
      end
    end
  endgenerate
  generate
    // Plain lanes are faster than cascades: their operands wait.
    for (genvar s = PACKED != 0 ? DSP_SLOTS : 0; s < TM; s = s + 1) begin : slot
      localparam int IN_DSP = s < DSP_SLOTS ? 1 : 0;
      localparam int WAIT = CLOCKS - (IN_DSP != 0 ? 6 : 4);
      logic [TK*4-1:0] w;
      logic [2:0] now;
      delay #(.BITS(TK * 4), .CLOCKS(WAIT)) wait_w (
          .clk(clk), .d(weight[s*TK*4+:TK*4]), .q(w));
      delay #(.BITS(3), .CLOCKS(WAIT - 1)) wait_control (.clk(clk), .d(control), .q(now));
      for (genvar t = 0; t < TT; t = t + 1) begin : token
        logic [TK*WX-1:0] x;
        delay #(.BITS(TK * WX), .CLOCKS(WAIT)) wait_x (
            .clk(clk), .d(act[t*TK*WX+:TK*WX]), .q(x));
        plain_lane #(.TK(TK), .ACC(ACC), .WX(WX), .IN_DSP(IN_DSP), .SERIES7(SERIES7)) lane (
            .clk(clk), .valid(now[2]), .first(now[1]), .last(now[0]), .w(w), .x(x),
            .drain(drain[(s*TT+t)*ACC+:ACC]));
      end
    end
  endgenerate
endmodule

// q = high * 2**APART + low, CLOCKS later: low bits are low's, the rest is high less low's borrow.
module pack #(parameter int WIDE = 27, APART = 22, BITS = 4, CLOCKS = 1) (
    input logic clk,
    input logic signed [BITS-1:0] low, high,
    output logic signed [WIDE-1:0] q
);
  logic [BITS-1:0] low_q;
  logic [WIDE-APART-1:0] high_q, above;
  assign above = (WIDE - APART)'(high) - (WIDE - APART)'(low < 0);
  delay #(.BITS(BITS), .CLOCKS(CLOCKS)) wait_low (.clk(clk), .d(low), .q(low_q));
  delay #(.BITS(WIDE - APART), .CLOCKS(CLOCKS)) wait_high (.clk(clk), .d(above), .q(high_q));
  assign q = {high_q, {(APART - BITS) {low_q[BITS-1]}}, low_q};
endmodule

// The array as a block of its own. One vector: {last, first, act, weight}; a tile's sums leave
// after its last one.
module block_array #(
    parameter int TM = 4, TT = 2, TK = 4, LUT_SLOTS = 0, ACC = 22, WX = 6, PACKED = 1, SERIES7 = 0,
    parameter int IN = TM * TK * 4 + TT * TK * WX + 2, OUT = TM * TT * ACC
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  localparam int W = TM * TK * 4, X = TT * TK * WX;
  localparam int CLOCKS = PACKED != 0 ? (TK < 4 ? TK : 4) + 6 : 7;
  assign in_ready = 1'b1;
  assign busy = 1'b0;
  logic [CLOCKS-1:0] done;
  always_ff @(posedge clk) done <= rst ? '0 : {done[CLOCKS-2:0], in_valid & in_data[IN-1]};
  assign out_valid = done[CLOCKS-1];
  mac_array #(.TM(TM), .TT(TT), .TK(TK), .LUT_SLOTS(LUT_SLOTS), .ACC(ACC), .WX(WX),
      .PACKED(PACKED), .SERIES7(SERIES7)) array (
      .clk(clk), .valid(in_valid), .first(in_data[IN-2]), .last(in_data[IN-1]),
      .weight(in_data[W-1:0]), .act(in_data[W+:X]), .drain(out_data));
endmodule
