// The GEMM engine: out[row, token] = sum over inner of left[row, inner] * right[token, inner].
//
// One pipelined loop does three things at once: it drains a step of the finished tile, multiplies
// one beat of the running tile, and loads one step of the next row tile. It is entered once a stage
// and runs through phases: the first load (prefetch), the row tiles, the last drain (flush).
#pragma once
#include "drain.hpp"
#include "loader.hpp"
#include "mac_array.hpp"
#include "trace.hpp"

namespace qnas {

constexpr int FEWEST_STEPS = 3, MOST_STEPS = plan::MAX_STEPS;

// Where the loop stands: `step` of `steps` in a phase, beat `k` of a tile.
struct Schedule {
    int phase, step, steps, k;
    bool prefetch, flush;
};

inline Schedule first_step(const Stage& stage) {
#pragma HLS INLINE
    const Schedule now = {0, 0, stage.load_steps, 0, true, false};
    return now;
}

inline void next_step(const Stage& stage, Schedule& now, Tile& tile) {
#pragma HLS INLINE
    if (++now.k == stage.tile_steps) {
        now.k = 0;
        next_token_tile(stage, tile);
    }
    if (++now.step < now.steps) return;
    ++now.phase;
    now.step = now.k = 0;
    now.prefetch = false;
    now.flush = now.phase == stage.row_tiles + 1;
    now.steps = stage.row_steps;  // of a flush the loop's end is known
    tile = first_tile(stage, now.phase - 1);
}

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

inline void gemm(const Stage& stage, WordStream& words, ActMemory& act, KeyMemory& key,
                 const ProbMemory& prob, ScoreMemory& score, ResidualMemory& residual,
                 WeightMemory& weight, RowParamMemory& row_param,
                 const QueryScaleMemory& query_scale, GeluMemory& gelu, LogitMemory& logit) {
#pragma HLS INLINE off
    Accumulators accumulator, drain;
    sum_t held[plan::TT];  // 16 x the high nibbles' sums, until the low ones come
#pragma HLS ARRAY_PARTITION variable=accumulator complete dim=0
#pragma HLS ARRAY_PARTITION variable=drain complete dim=0
#pragma HLS ARRAY_PARTITION variable=held complete dim=1

    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        held[j] = 0;
    }
    if (stage.epilogue == TO_GELU) load_gelu(words, gelu);
    LoadCursor cursor = first_load(stage);
    Schedule now = first_step(stage);
    Tile tile = first_tile(stage, 0), draining = tile;
    int drained = stage.drain_steps;  // steps done; all of them: nothing is pending

    QNAS_ENTER(trace::PREFETCH);
steps:
    for (int i = 0; i < stage.steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_STEPS max=MOST_STEPS
        // No operation reads the region of a memory that it writes (keys are written by one stage
        // and read by others), and each residual is touched once in a stage. The weight memory is
        // read one iteration after it was written and written one after it was read: there the
        // compiler must keep the order.
#pragma HLS DEPENDENCE variable=act inter false
#pragma HLS DEPENDENCE variable=key inter false
#pragma HLS DEPENDENCE variable=residual inter false
        QNAS_COUNT(now.prefetch ? trace::PREFETCH : now.flush ? trace::FLUSH : trace::TILES);
        if (drained < stage.drain_steps) {
            drain_step(stage, draining, drained, drain, held, row_param, query_scale, gelu, act,
                       key, score, residual, logit);
            ++drained;
        }
        const bool computing = !now.prefetch && !now.flush;
        if (computing && tile.token_tile < stage.token_tiles && now.k < stage.beats) {
            const int row = ((tile.row_tile & 1) ? plan::MAX_BEATS : 0) + now.k;
            multiply_accumulate(weight[row], act[tile.src_row + now.k], now.k == 0, accumulator);
            if (now.k == stage.beats - 1) {  // tile_steps >= drain_steps: the last is drained
                copy_accumulators(accumulator, drain);
                draining = tile;
                drained = 0;
            }
        }
        if (now.phase < stage.row_tiles && now.step < stage.load_steps)
            load_step(stage, now.phase, cursor, words, key, prob, weight, row_param);
        next_step(stage, now, tile);
    }
}

}  // namespace qnas
