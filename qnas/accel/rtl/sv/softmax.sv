// Softmax (NUMERICS.md, section 5): the largest score of a row, exponentials of base 2 and their sum,
// and what the sum makes of the requantization of P.V.

// The largest of 2**n signed values.
module largest #(parameter int INPUTS = 2, BITS = 18) (
    input logic [INPUTS*BITS-1:0] values,
    output logic signed [BITS-1:0] q
);
  generate
    if (INPUTS == 1) begin : leaf
      assign q = values;
    end else begin : node
      logic signed [BITS-1:0] low, high;
      largest #(.INPUTS(INPUTS / 2), .BITS(BITS)) below (
          .values(values[INPUTS/2*BITS-1:0]), .q(low));
      largest #(.INPUTS(INPUTS / 2), .BITS(BITS)) above (
          .values(values[INPUTS*BITS-1:INPUTS/2*BITS]), .q(high));
      assign q = low < high ? high : low;
    end
  endgenerate
endmodule

// One vector: {first, LANES scores}. An answer: the largest of the row so far.
module block_maximum #(
    parameter int LANES = 1, SCORE = 18, IN = LANES * SCORE + 1, OUT = SCORE
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  logic [1:0] done;
  assign in_ready = 1'b1;
  assign busy = 1'b0;
  always_ff @(posedge clk) done <= rst ? '0 : {done[0], in_valid};
  assign out_valid = done[1];
  logic signed [SCORE-1:0] here, held, most;
  logic first;
  largest #(.INPUTS(LANES), .BITS(SCORE)) tree (.values(in_data[IN-2:0]), .q(here));
  assign out_data = most;
  always_ff @(posedge clk) begin
    held <= here;
    first <= in_data[IN-1];
    if (done[0] & (first | held > most)) most <= held;
  end
endmodule

// One vector is {payload, op}; op 0: {shift, mult} of the stage; op 1: {first, maximum, LANES
// scores}. An answer: {sum of the row so far, LANES exponentials}.
module block_exponential #(
    parameter int LANES = 1, SCORE = 18, P = (LANES + 1) * SCORE + 1, IN = P + 1,
    parameter int OUT = LANES * 8 + 16
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  localparam int CLOCKS = 11, W = SCORE + 19, LEVELS = $clog2(LANES);
  logic [P-1:0] payload;
  logic sets;
  logic [CLOCKS-1:0] done;
  assign payload = in_data[IN-1:1];
  assign sets = ~in_data[0];
  assign in_ready = ~sets | done == 0;
  assign busy = 1'b0;
  always_ff @(posedge clk) done <= rst ? '0 : {done[CLOCKS-2:0], in_valid & ~sets};
  assign out_valid = done[CLOCKS-1];

  logic [17:0] mult;
  logic [5:0] shift;
  always_ff @(posedge clk) if (in_valid & in_ready & sets) {shift, mult} <= payload[23:0];

  logic [LANES*9-1:0] found;  // with a sign of 0
  generate
    for (genvar i = 0; i < LANES; i = i + 1) begin : lane
      logic signed [SCORE:0] distance;
      logic signed [W-1:0] scaled, z;
      logic [3:0] octave;
      logic [14:0] entry;
      logic signed [15:0] p;
      logic [7:0] index, exponential;  // Yosys takes no slice of a signed value as a port
      assign {index, exponential} = {z[7:0], p[7:0]};
      always_ff @(posedge clk)
        distance <= (SCORE + 1)'($signed(payload[LANES*SCORE+:SCORE])) -
            (SCORE + 1)'($signed(payload[i*SCORE+:SCORE]));
      multiply_add #(.WA(SCORE + 1), .WB(18)) scale (
          .clk(clk), .a(distance), .b(mult), .c(48'b0), .p(scaled));
      round_shift #(.W(W)) shift_scaled (.clk(clk), .value(scaled), .shift(shift), .q(z));
      exp_table entries (.clk(clk), .index(index), .q(entry));
      always_ff @(posedge clk) octave <= z[W-1:8] > 15 ? 4'd15 : z[11:8];
      round_shift #(.W(16)) shift_entry (
          .clk(clk), .value({1'b0, entry}), .shift(6'd8 + 6'(octave)), .q(p));
      assign found[i*9+:9] = {1'b0, exponential};
      delay #(.BITS(8), .CLOCKS(2)) wait_p (.clk(clk), .d(exponential), .q(out_data[i*8+:8]));
    end
  endgenerate
  logic [8+LEVELS:0] total, total_q;
  logic [15:0] sum;
  logic first;
  adder_tree #(.INPUTS(LANES), .BITS(9)) add (.values(found), .total(total));
  delay #(.BITS(1), .CLOCKS(10)) wait_first (.clk(clk), .d(payload[P-1]), .q(first));
  assign out_data[LANES*8+:16] = sum;
  always_ff @(posedge clk) begin
    total_q <= total;
    if (done[9]) sum <= 16'(total_q) + (first ? 16'd0 : sum);
  end
endmodule

// One vector is {payload, op}; op 0: {shift, mult} of the stage, mult below 2**17; op 1: the sum of a
// row. An answer: {shift, mult} of the row, a bit of the quotient a clock.
module block_row_scale #(
    parameter int WIDTH = 17, IN = 25, OUT = 23
) (
    input logic clk, rst, in_valid,
    output logic in_ready,
    input logic [IN-1:0] in_data,
    output logic out_valid,
    output logic [OUT-1:0] out_data,
    output logic busy
);
  localparam int CLOCKS = WIDTH + 1;
  logic sets;
  logic [CLOCKS-1:0] done;
  assign sets = ~in_data[0];
  assign in_ready = ~sets | done == 0;
  assign busy = 1'b0;
  always_ff @(posedge clk) done <= rst ? '0 : {done[CLOCKS-2:0], in_valid & ~sets};
  assign out_valid = done[CLOCKS-1];

  logic [17:0] mult;
  logic [5:0] shift;
  always_ff @(posedge clk) if (in_valid & in_ready & sets) {shift, mult} <= in_data[24:1];

  // The divisor's topmost bit goes to the top.
  logic [15:0] sum, s8, s4, s2, s1;
  logic [3:0] zeros, zeros_q;
  assign sum = in_data[16:1];
  assign s8 = sum[15:8] == 0 ? sum << 8 : sum;
  assign s4 = s8[15:12] == 0 ? s8 << 4 : s8;
  assign s2 = s4[15:14] == 0 ? s4 << 2 : s4;
  assign s1 = s2[15] == 0 ? s2 << 1 : s2;
  assign zeros = {sum[15:8] == 0, s8[15:12] == 0, s4[15:14] == 0, s2[15] == 0};
  logic [16*(WIDTH+1)-1:0] divisor;
  logic [16*(WIDTH+1)-1:0] remainder;
  logic [WIDTH*(WIDTH+1)-1:0] quotient;
  logic [31:0] dividend;
  assign dividend = {mult[16:0], 15'b0};
  always_ff @(posedge clk) divisor[15:0] <= s1;
  assign remainder[15:0] = {1'b0, dividend[31:17]};
  assign quotient[WIDTH-1:0] = '0;
  generate
    for (genvar i = 0; i < WIDTH; i = i + 1) begin : step
      logic [16:0] doubled;
      logic [17:0] rest;
      logic goes;
      assign doubled = {remainder[i*16+:16], dividend[WIDTH-1-i]};
      assign rest = {1'b0, doubled} - {2'b0, divisor[i*16+:16]};
      assign goes = ~rest[17];
      always_ff @(posedge clk) begin
        divisor[(i+1)*16+:16] <= divisor[i*16+:16];
        remainder[(i+1)*16+:16] <= goes ? rest[15:0] : doubled[15:0];
        quotient[(i+1)*WIDTH+:WIDTH] <= {quotient[i*WIDTH+:WIDTH-1], goes};
      end
    end
  endgenerate
  delay #(.BITS(4), .CLOCKS(WIDTH + 1)) wait_zeros (.clk(clk), .d(zeros), .q(zeros_q));
  assign out_data = {shift + 6'd15 - 6'(zeros_q), quotient[WIDTH*WIDTH+:WIDTH]};
endmodule
