// Behaviour of the DSP48E2 and DSP48E1 in the modes that the twin uses: P = A * B + Z with every
// register on; Z is nothing, PCIN or C (AMD UG579, UG479). For simulation: synthesis knows the cells.
module dsp48_model #(parameter int WIDE = 27) (
    input logic clk,
    input logic [29:0] a,
    input logic [17:0] b,
    input logic [47:0] c,
    input logic [47:0] pcin,
    input logic [6:0] opmode,
    output logic [47:0] p
);
  logic signed [WIDE-1:0] a_reg;
  logic signed [17:0] b_reg;
  logic signed [47:0] m_reg, c_reg, z;
  assign z = opmode[6:4] == 3'b001 ? $signed(pcin) : opmode[6:4] == 3'b011 ? c_reg : 48'sd0;
  always_ff @(posedge clk) begin
    a_reg <= a[WIDE-1:0];
    b_reg <= b;
    c_reg <= c;
    m_reg <= 48'(a_reg) * 48'(b_reg);
    p <= z + m_reg;
    if (opmode[3:0] != 4'b0101) $fatal(1, "only products are modelled");
    if (opmode[6:4] != 3'b000 && opmode[6:4] != 3'b001 && opmode[6:4] != 3'b011)
      $fatal(1, "only PCIN and C are modelled");
  end
endmodule

module DSP48E2 #(
    parameter int AREG = 1, BREG = 1, CREG = 1, MREG = 1, PREG = 1, ACASCREG = 1, BCASCREG = 1,
    parameter USE_MULT = "MULTIPLY"
) (
    input logic CLK,
    input logic [29:0] A,
    input logic [17:0] B,
    input logic [47:0] C, PCIN,
    input logic [26:0] D,
    input logic [8:0] OPMODE,
    input logic [3:0] ALUMODE,
    input logic [4:0] INMODE,
    input logic CARRYIN,
    input logic [2:0] CARRYINSEL,
    input logic CEA1, CEA2, CEB1, CEB2, CEC, CED, CEAD, CEM, CEP, CECTRL, CEALUMODE, CECARRYIN,
    input logic CEINMODE, RSTA, RSTB, RSTC, RSTD, RSTM, RSTP, RSTCTRL, RSTALUMODE, RSTALLCARRYIN,
    input logic RSTINMODE,
    output logic [47:0] P, PCOUT
);
  dsp48_model #(.WIDE(27)) model (
      .clk(CLK), .a(A), .b(B), .c(C), .pcin(PCIN), .opmode(OPMODE[6:0]), .p(P));
  assign PCOUT = P;
endmodule

module DSP48E1 #(
    parameter int AREG = 1, BREG = 1, CREG = 1, MREG = 1, PREG = 1, ACASCREG = 1, BCASCREG = 1,
    parameter USE_MULT = "MULTIPLY"
) (
    input logic CLK,
    input logic [29:0] A,
    input logic [17:0] B,
    input logic [47:0] C, PCIN,
    input logic [24:0] D,
    input logic [6:0] OPMODE,
    input logic [3:0] ALUMODE,
    input logic [4:0] INMODE,
    input logic CARRYIN,
    input logic [2:0] CARRYINSEL,
    input logic CEA1, CEA2, CEB1, CEB2, CEC, CED, CEAD, CEM, CEP, CECTRL, CEALUMODE, CECARRYIN,
    input logic CEINMODE, RSTA, RSTB, RSTC, RSTD, RSTM, RSTP, RSTCTRL, RSTALUMODE, RSTALLCARRYIN,
    input logic RSTINMODE,
    output logic [47:0] P, PCOUT
);
  dsp48_model #(.WIDE(25)) model (
      .clk(CLK), .a(A), .b(B), .c(C), .pcin(PCIN), .opmode(OPMODE), .p(P));
  assign PCOUT = P;
endmodule
