// The sequence of stages of a network, pass after pass; in each BATCH images go through all stages
// together. A stage of the table starts its unit and holds until that is done; a softmax goes on
// beside the stages that follow it up to the end of its step. The logits are stored after the stage
// that makes them.
module sequencer (
    input logic clk, rst,
    input logic start,
    input logic [31:0] images,
    input logic [31:0] network,
    output logic busy,
    output plan::stage_t stage, softmax_stage,
    output logic [plan::UNITS-1:0] starts,
    input logic [plan::UNITS-1:0] busies,
    // What a simulation looks at: a stage, a softmax or a pass is done.
    output logic finished, softmax_finished, pass_finished,
    output logic [plan::STAGE_INDEX_BITS-1:0] finished_index, softmax_index
);
  localparam int I = plan::STAGE_INDEX_BITS;
  typedef enum logic [2:0] {IDLE, FETCH, ISSUE, SETTLE, RUN} state_t;
  state_t state;
  logic [I-1:0] index, first, stages, left;
  logic [31:0] image;  // the first one of the pass
  plan::stage_t row;
  logic goes_on, last_stage, last_pass;  // what follows, known before the unit is done
  logic runs_softmax, is_softmax, others, idle, stored;
  stage_table table_ (.clk(clk), .index(index), .stage(row));
  network_table networks (
      .network(network), .first(first), .stages(stages), .stream_words());

  assign is_softmax = stage.kind == plan::SOFTMAX;
  assign others = |(busies & ~(plan::UNITS'(1) << plan::SOFTMAX));
  assign idle = ~others & (~busies[plan::SOFTMAX] | ~stage.ends_step);
  assign busy = state != IDLE;
  always_ff @(posedge clk) begin
    starts <= '0;
    {finished, pass_finished} <= '0;
    case (state)
      IDLE: begin
        image <= '0;
        index <= first;
        left <= stages;
        if (start) state <= FETCH;
      end
      FETCH: state <= ISSUE;
      ISSUE: begin
        stage <= row;
        index <= index + 1'b1;
        left <= left - 1'b1;
        starts <= plan::UNITS'(1) << row.kind;
        stored <= row.dst != plan::DST_LOGITS;
        if (row.kind == plan::SOFTMAX) begin
          softmax_stage <= row;
          softmax_index <= index;
        end else finished_index <= index;
        state <= SETTLE;
      end
      SETTLE: begin  // the unit is busy from the next clock on
        goes_on <= is_softmax & ~stage.ends_step;
        last_stage <= left == 0;
        last_pass <= image == images - 32'(plan::BATCH);
        state <= RUN;
      end
      RUN:
      if (goes_on) state <= ISSUE;
      else if (idle) begin
        finished <= ~is_softmax & stored;
        stored <= 1'b1;
        if (~stored) begin
          starts <= plan::UNITS'(1) << plan::STORE_LOGITS;
          state <= SETTLE;
        end else if (~last_stage) state <= ISSUE;
        else begin
          pass_finished <= 1'b1;
          image <= image + 32'(plan::BATCH);
          index <= first;
          left <= stages;
          state <= last_pass ? IDLE : FETCH;
        end
      end
      default: state <= IDLE;
    endcase
    if (rst) begin
      state <= IDLE;
      starts <= '0;
    end
  end

  always_ff @(posedge clk) begin
    runs_softmax <= busies[plan::SOFTMAX];
    softmax_finished <= runs_softmax & ~busies[plan::SOFTMAX];
  end
endmodule
