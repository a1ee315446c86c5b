// Multipliers in DSP blocks, instantiated: synthesis by inference would leave their registers, adders
// and cascades in the fabric.

// p = a * b + z, three clocks after a and b. Z: 0 nothing; 1 `pcin`, that comes from a cell whose
// operands entered one clock before; 3 `c`, that enters one clock after a and b.
module dsp_cell #(parameter int Z = 0, SERIES7 = 0) (
    input logic clk,
    input logic signed [26:0] a,
    input logic signed [17:0] b,
    input logic signed [47:0] c,
    input logic [47:0] pcin,
    output logic [47:0] pcout,
    output logic signed [47:0] p
);
  localparam logic [6:0] MODE = {Z == 1 ? 3'b001 : Z == 3 ? 3'b011 : 3'b000, 4'b0101};
  generate
    if (SERIES7 != 0) begin : e1  // 25 x 18 bits
      DSP48E1 #(.AREG(1), .BREG(1), .CREG(1), .MREG(1), .PREG(1), .ACASCREG(1), .BCASCREG(1),
          .USE_MULT("MULTIPLY")) cell_ (
          .CLK(clk), .A({{5{a[24]}}, a[24:0]}), .B(b), .C(c), .PCIN(pcin), .D(25'b0),
          .OPMODE(MODE), .ALUMODE(4'b0), .INMODE(5'b0), .CARRYIN(1'b0), .CARRYINSEL(3'b0),
          .CEA1(1'b0), .CEA2(1'b1), .CEB1(1'b0), .CEB2(1'b1), .CEC(1'b1), .CED(1'b0), .CEAD(1'b0),
          .CEM(1'b1), .CEP(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b0), .CECARRYIN(1'b0),
          .CEINMODE(1'b0), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0),
          .RSTP(1'b0), .RSTCTRL(1'b0), .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .RSTINMODE(1'b0),
          .P(p), .PCOUT(pcout));
    end else begin : e2  // 27 x 18 bits
      DSP48E2 #(.AREG(1), .BREG(1), .CREG(1), .MREG(1), .PREG(1), .ACASCREG(1), .BCASCREG(1),
          .USE_MULT("MULTIPLY")) cell_ (
          .CLK(clk), .A({{3{a[26]}}, a}), .B(b), .C(c), .PCIN(pcin), .D(27'b0),
          .OPMODE({2'b00, MODE}), .ALUMODE(4'b0), .INMODE(5'b0), .CARRYIN(1'b0),
          .CARRYINSEL(3'b0),
          .CEA1(1'b0), .CEA2(1'b1), .CEB1(1'b0), .CEB2(1'b1), .CEC(1'b1), .CED(1'b0), .CEAD(1'b0),
          .CEM(1'b1), .CEP(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b0), .CECARRYIN(1'b0),
          .CEINMODE(1'b0), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0),
          .RSTP(1'b0), .RSTCTRL(1'b0), .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .RSTINMODE(1'b0),
          .P(p), .PCOUT(pcout));
    end
  endgenerate
endmodule

// p = a * b + c of signed operands that one cell or two multiply; `c` enters one clock after a and
// b. Three clocks, or five where an operand is wider than its port: then its low part (unsigned,
// SPLIT bits) goes first, and what it leaves above SPLIT is the C of the high part's cell.
// WP: width of the result, at most 48 where one cell makes it.
module multiply_add #(parameter int WA = 27, WB = 18, WP = WA + WB, SERIES7 = 0) (
    input logic clk,
    input logic signed [WA-1:0] a,
    input logic signed [WB-1:0] b,
    input logic signed [47:0] c,
    output logic signed [WP-1:0] p
);
  localparam int WIDE = SERIES7 != 0 ? 25 : 27;
  generate
    if (WA <= WIDE && WB <= 18) begin : one
      logic signed [47:0] whole;
      dsp_cell #(.Z(3), .SERIES7(SERIES7)) only (
          .clk(clk), .a(27'(a)), .b(18'(b)), .c(c), .pcin(48'b0), .pcout(), .p(whole));
      assign p = whole[WP-1:0];
    end else begin : two
      localparam bit CUT_A = WB <= 18;
      localparam int SPLIT = CUT_A ? WIDE - 1 : 17;
      localparam int WH = (CUT_A ? WA : WB) - SPLIT;
      logic signed [26:0] low_a, high_a, high_a1, high_a2;
      logic signed [17:0] low_b, high_b, high_b1, high_b2;
      logic signed [47:0] low, high;
      logic [SPLIT-1:0] low1, low2;
      if (CUT_A) begin : cut_a
        assign low_a = 27'(a[SPLIT-1:0]);
        assign high_a = 27'($signed(a[WA-1:SPLIT]));
        assign low_b = 18'(b);
        assign high_b = 18'(b);
      end else begin : cut_b
        assign low_a = 27'(a);
        assign high_a = 27'(a);
        assign low_b = 18'(b[SPLIT-1:0]);
        assign high_b = 18'($signed(b[WB-1:SPLIT]));
      end
      always_ff @(posedge clk) begin
        high_a1 <= high_a;
        high_a2 <= high_a1;
        high_b1 <= high_b;
        high_b2 <= high_b1;
        low1 <= low[SPLIT-1:0];
        low2 <= low1;
      end
      dsp_cell #(.Z(3), .SERIES7(SERIES7)) first (
          .clk(clk), .a(low_a), .b(low_b), .c(c), .pcin(48'b0), .pcout(), .p(low));
      dsp_cell #(.Z(3), .SERIES7(SERIES7)) second (
          .clk(clk), .a(high_a2), .b(high_b2), .c(48'(low >>> SPLIT)), .pcin(48'b0), .pcout(),
          .p(high));
      assign p = {high[WP-SPLIT-1:0], low2};
    end
  endgenerate
endmodule
