// Sums of rows to results, saturated to what the stage asks for (NUMERICS.md, sections 2 and 3):
// sum * mult / 2**shift + bias / 2**8, rounded half up, REQUANTIZE_CLOCKS later. A result that is
// added to the residual stream keeps 18 bits, which no sum with 16 bits can tell from more.
module requantize (
    input logic clk,
    input plan::stage_t stage,
    input plan::rows_t rows,
    input logic [plan::DRAIN_PAIRS-1:0][plan::TT-1:0][26:0] sums,
    output logic [plan::DRAIN_PAIRS-1:0][plan::TT-1:0][17:0] results,
    output logic [31:0] logit  // of the first token
);
  localparam int PAIRS = plan::DRAIN_PAIRS, TT = plan::TT, PRODUCT = plan::REQUANTIZE_CLOCKS - 3;
  localparam int MIDDLE = plan::GELU_ENTRIES / 2;
  logic signed [17:0] low, high;
  always_ff @(posedge clk) begin
    case (stage.dst)
      plan::DST_RESIDUAL, plan::DST_LOGITS: {low, high} <= {18'h20000, 18'h1ffff};
      plan::DST_HIDDEN: {low, high} <= {-18'(MIDDLE), 18'(MIDDLE - 1)};
      plan::DST_KEY: {low, high} <= {-18'd119, 18'd119};
      default: {low, high} <= {-18'(plan::ACT_MAX), 18'(plan::ACT_MAX)};
    endcase
  end
  // The bias enters behind the multiplier, lifted to its step: once for all lanes of a row.
  logic [5:0] lift;
  logic signed [47:0] lifted;
  assign lift = rows.shift[5:0] < 8 ? 6'd0 : rows.shift[5:0] - 6'd8;
  always_ff @(posedge clk) lifted <= 48'($signed(rows.bias)) <<< lift;
  generate
    for (genvar p = 0; p < PAIRS; p = p + 1) begin : pair
      logic [5:0] shift;
      logic signed [17:0] mult;
      assign mult = rows.mult[p*18+:18];
      delay #(.BITS(6), .CLOCKS(PRODUCT)) wait_shift (
          .clk(clk), .d(rows.shift[p*6+:6]), .q(shift));
      for (genvar t = 0; t < TT; t = t + 1) begin : token
        logic signed [47:0] scaled, rounded;
        multiply_add #(.WA(27), .WB(18), .WP(48), .SERIES7(plan::SERIES7)) product (
            .clk(clk), .a(sums[p][t]), .b(mult), .c(p == 0 ? lifted : 48'sd0), .p(scaled));
        round_shift #(.W(48)) shifter (.clk(clk), .value(scaled), .shift(shift), .q(rounded));
        always_ff @(posedge clk)
          results[p][t] <= rounded < 48'(low) ? low : rounded > 48'(high) ? high : rounded[17:0];
        if (p == 0 & t == 0) begin : first
          always_ff @(posedge clk)
            logit <= rounded < -48'sh80000000 ? 32'h80000000 :
                rounded > 48'sh7fffffff ? 32'h7fffffff : rounded[31:0];
        end
      end
    end
  endgenerate
endmodule
