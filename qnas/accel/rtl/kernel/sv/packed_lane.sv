// Two row slots x DSP_TOKENS tokens x TK inputs: a DSP makes a product of each pair, in fields
// FIELD_BITS apart, CASCADE of them are summed down a cascade, and the fields are split and
// accumulated over beats. Of each cascade the k-th operand enters k clocks after the first.
// `first` and `last` enter with the operands of k = 0 and name a tile's beats; sums leave in
// `drain` CASCADE + 5 clocks after that. A field below 0 takes one from the field above: its sign
// is lent back to that, on the carry of an adder that is there anyway.
module packed_lane (
    input logic clk,
    input logic valid, first, last,
    input logic [plan::TK*27-1:0] a,
    input logic [plan::TK*18-1:0] b,
    output logic [2*plan::DSP_TOKENS-1:0][plan::ACC_BITS-1:0] drain
);
  localparam int TK = plan::TK, ACC = plan::ACC_BITS, CASCADE = plan::CASCADE;
  localparam int F = plan::FIELD_BITS, FIELDS = 2 * plan::DSP_TOKENS;
  localparam int CHAINS = TK / CASCADE;
  localparam int SUM = $clog2(8 * (plan::ACT_MAX + 1) * TK + 1) + 1;
  localparam int BEAT = SUM > F ? SUM : F;
  logic [FIELDS*CHAINS*F-1:0] fields;  // field by field, a sum a chain
  logic [FIELDS*CHAINS-1:0] lent;  // by each field to the one below
  generate
    for (genvar c = 0; c < CHAINS; c = c + 1) begin : chain
      logic [(CASCADE+1)*48-1:0] link;
      logic [CASCADE*48-1:0] sums;
      logic [47:0] p;
      assign link[47:0] = 48'b0;
      for (genvar i = 0; i < CASCADE; i = i + 1) begin : dsp
        dsp_cell #(.Z(i == 0 ? 0 : 1), .SERIES7(plan::SERIES7)) product (
            .clk(clk), .a(a[(c*CASCADE+i)*27+:27]), .b(b[(c*CASCADE+i)*18+:18]), .c(48'b0),
            .pcin(link[i*48+:48]), .pcout(link[(i+1)*48+:48]), .p(sums[i*48+:48]));
      end
      assign p = sums[(CASCADE-1)*48+:48];
      for (genvar f = 0; f < FIELDS; f = f + 1) begin : part
        assign fields[(f*CHAINS+c)*F+:F] = p[f*F+:F];
        assign lent[f*CHAINS+c] = f == 0 ? 1'b0 : p[f*F-(f == 0 ? 0 : 1)];
      end
    end
  endgenerate

  logic [2:0] now;  // valid, first, last beside the sums
  delay #(.BITS(3), .CLOCKS(CASCADE + 3)) control (.clk(clk), .d({valid, first, last}), .q(now));
  logic copy;
  always_ff @(posedge clk) copy <= now[2] & now[0];
  generate
    for (genvar f = 0; f < FIELDS; f = f + 1) begin : field
      logic signed [BEAT-1:0] total, sum;
      logic signed [ACC-1:0] accumulator, base, next;
      logic carry, next_carry;
      lending_tree #(.INPUTS(CHAINS), .BITS(F), .WT(BEAT)) tree (
          .values(fields[f*CHAINS*F+:CHAINS*F]), .lent(lent[f*CHAINS+:CHAINS]),
          .total(total), .carry(next_carry));
      assign base = now[1] ? ACC'(0) : accumulator;
      add_carry #(.BITS(ACC)) adder (.a(ACC'(sum)), .b(base), .carry(carry), .sum(next));
      always_ff @(posedge clk) begin
        sum <= total;
        carry <= next_carry;
        if (now[2]) accumulator <= next;
        if (copy) drain[f] <= accumulator;
      end
    end
  endgenerate
endmodule
