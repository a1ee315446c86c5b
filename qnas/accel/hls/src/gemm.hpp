// The engine: out[row, token] = sum over inner of left[row, inner] * right[token, inner], and the
// softmax beside it.
//
// One pipelined loop does four things in each iteration, each where it stands: it multiplies one beat
// of the running tile, loads one step of the next row tile, drains one step of the tile before, and
// makes one step of a softmax. Memories are read first and written last, so that no iteration waits
// for the one before it; what is carried over is one operation deep.
//
// The loop never waits for the weight stream. A row tile is multiplied once it has come as a whole;
// until then iterations pass in which nothing is multiplied (PLAN.md, section 5).
#pragma once
#include "drain.hpp"
#include "mac_array.hpp"
#include "schedule.hpp"
#include "softmax.hpp"
#include "trace.hpp"

namespace qnas {

constexpr int FEWEST_STEPS = 3, MOST_STEPS = plan::MAX_STEPS;

// GELU's table from the stream, entries of 8 bits. A word brings GELU_LANES entries (a port's width
// of it), each to a bank of its own, one copy a token.
inline void load_gelu(WordStream& words, GeluMemory& gelu) {
#pragma HLS INLINE off
    QNAS_ENTER(trace::TABLE);
table:
    for (int i = 0; i < plan::GELU_ROWS; ++i) {
#pragma HLS PIPELINE II=1
        QNAS_COUNT(trace::TABLE);
        const word_t word = words.read();
        for (int lane = 0; lane < plan::GELU_LANES; ++lane) {
#pragma HLS UNROLL
            for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
                gelu[i][j][lane] = act_t(field<8>(word, lane));
            }
        }
    }
}

// Products of `stage`, and meanwhile the softmax `beside`. Called with the softmax as `stage` the array
// has nothing to do, and the softmax is brought to its end.
inline void engine(const Stage& stage, const Stage& beside, Softmax& softmax, WordStream& words,
                   ActMemory& act, KeyMemory& key, ProbMemory& prob, ScoreMemory& score,
                   ScoreDelayMemory& score_delay, ResidualMemory& residual, WeightMemory& weight,
                   RowParamMemory& row_param, QueryScaleMemory& query_scale,
                   const GeluMemory& gelu, LogitMemory& logit) {
#pragma HLS INLINE off
#pragma HLS EXPRESSION_BALANCE off
    Accumulators accumulator, drain;
#pragma HLS ARRAY_PARTITION variable=accumulator complete dim=0
#pragma HLS ARRAY_PARTITION variable=drain complete dim=0
    const bool alone = stage.kind == SOFTMAX;
    Schedule at = first_turn(stage);

    // Whether work is left is known too late for the next iteration, since a word that the stream
    // brings or does not bring may decide it. So the loop ends some idle iterations late.
    bool later = true, soon = true;
    QNAS_ENTER(alone ? trace::SOFTMAX : trace::PREFETCH);
steps:
    for (bool running = true; running;) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_STEPS max=MOST_STEPS
        // No operation reads the region of `act` that it writes; keys are written by one stage and
        // read by others; a softmax and the products beside it use different halves; each residual is
        // touched once in a stage. A row tile is written to a half of `weight`, and to a quarter of
        // `row_param`, that nothing reads meanwhile.
#pragma HLS DEPENDENCE variable=act inter false
#pragma HLS DEPENDENCE variable=act intra false
#pragma HLS DEPENDENCE variable=key inter false
#pragma HLS DEPENDENCE variable=key intra false
#pragma HLS DEPENDENCE variable=prob inter false
#pragma HLS DEPENDENCE variable=prob intra false
#pragma HLS DEPENDENCE variable=score inter RAW false
#pragma HLS DEPENDENCE variable=score intra false
#pragma HLS DEPENDENCE variable=query_scale inter false
#pragma HLS DEPENDENCE variable=query_scale intra false
#pragma HLS DEPENDENCE variable=residual inter false
#pragma HLS DEPENDENCE variable=weight intra false
#pragma HLS DEPENDENCE variable=row_param intra false
        const Turn turn = turn_of(stage, at);
        if (turn.left)
            QNAS_COUNT(at.tile.row_tile == 0 && !at.ready ? trace::PREFETCH : trace::TILES);
        else if (turn.draining)
            QNAS_COUNT(trace::FLUSH);
        if (turn.beat)
            multiply_accumulate(weight[weight_half(at.tile.row_tile) + at.k],
                                act[at.tile.at.src + at.k], at.k == 0, accumulator);
        Load load;
        load.came = false;
        if (turn.loading) load = fetch(stage, at.cursor, words, key, prob);
        if (softmax.running) {
            QNAS_COUNT(trace::SOFTMAX);
            softmax_step(beside, softmax, score, score_delay, prob, query_scale);
        }
        if (turn.draining)
            drain_step(stage, at.draining, at.drained, drain, row_param, query_scale, gelu, act,
                       key, score, residual, logit);
        if (turn.last_beat) copy_accumulators(accumulator, drain);
        if (load.came) store_load(stage, at.cursor, load, weight, row_param);
        next_turn(stage, turn, load.came, at);
        running = soon;
        soon = later;
        later = alone ? softmax.running : turn.left || turn.draining;
    }
}

}  // namespace qnas
