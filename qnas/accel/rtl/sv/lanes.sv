// The multiplier array's lanes: packed DSP chains, fabric products, a DSP a product.

// Two row slots x two tokens x TK inputs, four products a DSP, accumulated over beats.
// `a`: TK packed weight pairs w1 * 2**22 + w0, `b`: TK packed activation pairs x1 * 2**11 + x0; of
// each cascade the k-th operand enters k clocks after the first. `first` and `last` enter with the
// operands of k = 0 and name a tile's beats; sums leave in `drain` CASCADE + 5 clocks after that.
// Field order: w0 x0, w0 x1, w1 x0, w1 x1. A field below 0 takes one from the field above: its sign
// is lent back to that, on the carry of an adder that is there anyway.
module packed_block #(parameter int TK = 4, ACC = 22, CASCADE = TK < 4 ? TK : 4) (
    input logic clk,
    input logic valid, first, last,
    input logic [TK*27-1:0] a,
    input logic [TK*18-1:0] b,
    output logic [4*ACC-1:0] drain
);
  localparam int CHAINS = TK / CASCADE;
  localparam int BEAT = $clog2(8 * 32 * TK + 1) + 1;
  logic [4*CHAINS*11-1:0] fields;  // field by field, a sum a chain
  logic [4*CHAINS-1:0] lent;  // by each field to the one below
  generate
    for (genvar c = 0; c < CHAINS; c = c + 1) begin : chain
      logic [(CASCADE+1)*48-1:0] link;
      logic [CASCADE*48-1:0] sums;
      logic [47:0] p;
      assign link[47:0] = 48'b0;
      for (genvar i = 0; i < CASCADE; i = i + 1) begin : dsp
        dsp_cell #(.Z(i == 0 ? 0 : 1)) product (
            .clk(clk), .a(a[(c*CASCADE+i)*27+:27]), .b(b[(c*CASCADE+i)*18+:18]), .c(48'b0),
            .pcin(link[i*48+:48]), .pcout(link[(i+1)*48+:48]), .p(sums[i*48+:48]));
      end
      assign p = sums[(CASCADE-1)*48+:48];
      for (genvar f = 0; f < 4; f = f + 1) begin : part
        assign fields[(f*CHAINS+c)*11+:11] = p[f*11+:11];
        assign lent[f*CHAINS+c] = f == 0 ? 1'b0 : p[f*11-(f == 0 ? 0 : 1)];
      end
    end
  endgenerate

  logic [2:0] now;  // valid, first, last beside the sums
  delay #(.BITS(3), .CLOCKS(CASCADE + 3)) control (.clk(clk), .d({valid, first, last}), .q(now));
  logic copy;
  always_ff @(posedge clk) copy <= now[2] & now[0];
  generate
    for (genvar f = 0; f < 4; f = f + 1) begin : field
      logic signed [BEAT-1:0] total, sum;
      logic signed [ACC-1:0] accumulator, base, next;
      logic carry, next_carry;
      lending_tree #(.INPUTS(CHAINS), .BITS(11), .WT(BEAT)) tree (
          .values(fields[f*CHAINS*11+:CHAINS*11]), .lent(lent[f*CHAINS+:CHAINS]),
          .total(total), .carry(next_carry));
      assign base = now[1] ? ACC'(0) : accumulator;
      add_carry #(.BITS(ACC)) adder (.a(ACC'(sum)), .b(base), .carry(carry), .sum(next));
      always_ff @(posedge clk) begin
        sum <= total;
        carry <= next_carry;
        if (now[2]) accumulator <= next;
        if (copy) drain[f*ACC+:ACC] <= accumulator;
      end
    end
  endgenerate
endmodule

// sum = a + b + carry, one carry chain.
module add_carry #(parameter int BITS = 11) (
    input logic signed [BITS-1:0] a, b,
    input logic carry,
    output logic signed [BITS-1:0] sum
);
  logic [BITS:0] whole;
  assign whole = {a, 1'b1} + {b, carry};
  assign sum = whole[BITS:1];
endmodule

// The sum of 2**n signed values with a bit lent to each. An adder takes one of the bits along; the
// last is left over, as `carry`.
module lending_tree #(parameter int INPUTS = 1, BITS = 11, WT = 14) (
    input logic [INPUTS*BITS-1:0] values,
    input logic [INPUTS-1:0] lent,
    output logic signed [WT-1:0] total,
    output logic carry
);
  generate
    if (INPUTS == 1) begin : leaf
      assign total = WT'($signed(values));
      assign carry = lent[0];
    end else begin : node
      localparam int WS = BITS + 1;
      logic [INPUTS/2*WS-1:0] sums;
      logic [INPUTS/2-1:0] rest;
      for (genvar i = 0; i < INPUTS / 2; i = i + 1) begin : pair
        add_carry #(.BITS(WS)) adder (
            .a(WS'($signed(values[2*i*BITS+:BITS]))), .b(WS'($signed(values[(2*i+1)*BITS+:BITS]))),
            .carry(lent[2*i]), .sum(sums[i*WS+:WS]));
        assign rest[i] = lent[2*i+1];
      end
      lending_tree #(.INPUTS(INPUTS / 2), .BITS(WS), .WT(WT)) above (
          .values(sums), .lent(rest), .total(total), .carry(carry));
    end
  endgenerate
endmodule

// nibble x activation from fabric: two radix-4 rows of one carry chain each, and their sum.
module lut_product #(parameter int WX = 6) (
    input logic signed [3:0] w,
    input logic signed [WX-1:0] x,
    output logic signed [WX+3:0] p
);
  logic signed [WX+1:0] low, high;
  radix4_row #(.WX(WX), .TOP(0)) below (.digit(w[1:0]), .x(x), .p(low));
  radix4_row #(.WX(WX), .TOP(1)) above (.digit(w[3:2]), .x(x), .p(high));
  assign p = {(WX + 2)'(low >>> 2) + high, low[1:0]};
endmodule

// p = digit * x; the topmost digit is signed.
module radix4_row #(parameter int WX = 6, TOP = 0) (
    input logic [1:0] digit,
    input logic signed [WX-1:0] x,
    output logic signed [WX+1:0] p
);
  logic signed [WX+1:0] once, twice;
  assign once = digit[0] ? (WX + 2)'(x) : '0;
  assign twice = digit[1] ? (WX + 2)'(x) <<< 1 : '0;
  assign p = TOP != 0 ? once - twice : once + twice;
endmodule

// One row slot x one token x TK inputs, a multiplier a product: fabric, or a DSP each (`IN_DSP`).
// Sums leave in `drain` 4 clocks after the operands, 6 with DSPs.
module plain_lane #(parameter int TK = 4, ACC = 22, WX = 6, IN_DSP = 0, SERIES7 = 0) (
    input logic clk,
    input logic valid, first, last,
    input logic [TK*4-1:0] w,
    input logic [TK*WX-1:0] x,
    output logic signed [ACC-1:0] drain
);
  localparam int BEAT = $clog2(8 * (1 << (WX - 1)) * TK + 1) + 1;
  localparam int CLOCKS = IN_DSP != 0 ? 3 : 1;
  logic [TK*(WX+4)-1:0] products;
  generate
    for (genvar k = 0; k < TK; k = k + 1) begin : lane
      if (IN_DSP != 0) begin : dsp
        logic signed [47:0] whole;
        dsp_cell #(.Z(0), .SERIES7(SERIES7)) product (
            .clk(clk), .a(27'($signed(w[k*4+:4]))), .b(18'($signed(x[k*WX+:WX]))), .c(48'b0),
            .pcin(48'b0), .pcout(), .p(whole));
        assign products[k*(WX+4)+:WX+4] = whole[WX+3:0];
      end else begin : lut
        logic signed [WX+3:0] whole, held;
        lut_product #(.WX(WX)) product (.w(w[k*4+:4]), .x(x[k*WX+:WX]), .p(whole));
        always_ff @(posedge clk) held <= whole;
        assign products[k*(WX+4)+:WX+4] = held;
      end
    end
  endgenerate

  logic [2:0] now;
  logic copy;
  delay #(.BITS(3), .CLOCKS(CLOCKS + 1)) control (.clk(clk), .d({valid, first, last}), .q(now));
  // The products' sum as a tree, a bit wider each level.
  logic signed [BEAT-1:0] total, sum;
  adder_tree #(.INPUTS(TK), .BITS(WX + 4), .WT(BEAT)) tree (.values(products), .total(total));
  logic signed [ACC-1:0] accumulator, base;
  assign base = now[1] ? ACC'(0) : accumulator;
  always_ff @(posedge clk) begin
    sum <= total;
    copy <= now[2] & now[0];
    if (now[2]) accumulator <= ACC'(sum) + base;
    if (copy) drain <= accumulator;
  end
endmodule

// The sum of 2**n signed values; WT bits of it.
module adder_tree #(parameter int INPUTS = 4, BITS = 10, WT = BITS + $clog2(INPUTS)) (
    input logic [INPUTS*BITS-1:0] values,
    output logic signed [WT-1:0] total
);
  generate
    if (INPUTS == 1) begin : leaf
      assign total = WT'($signed(values));
    end else begin : node
      localparam int WS = BITS + 1;
      logic [INPUTS/2*WS-1:0] sums;
      for (genvar i = 0; i < INPUTS / 2; i = i + 1) begin : pair
        assign sums[i*WS+:WS] = WS'($signed(values[2*i*BITS+:BITS])) +
            WS'($signed(values[(2*i+1)*BITS+:BITS]));
      end
      adder_tree #(.INPUTS(INPUTS / 2), .BITS(WS), .WT(WT)) rest (.values(sums), .total(total));
    end
  endgenerate
endmodule
