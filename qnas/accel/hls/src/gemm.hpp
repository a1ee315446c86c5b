// The GEMM engine: out[row, token] = sum over inner of left[row, inner] * right[token, inner].
//
// One pipelined loop does three things at once: it multiplies one beat of the running tile, drains
// one row slot of the tile before, and loads one step of the next row tile. It is entered once for
// the first load (prefetch), once for each row tile, and once to drain the last tile (flush); one
// text for all, so that there is one array, one drain and one loader in hardware.
#pragma once
#include "drain.hpp"
#include "loader.hpp"
#include "mac_array.hpp"
#include "trace.hpp"

namespace qnas {

constexpr int MOST_PHASES = plan::MAX_ROW_TILES + 2;
constexpr int FEWEST_STEPS = plan::TM, MOST_STEPS = plan::MAX_ROW_STEPS;

// GELU's table from the stream: 256 entries of 8 bits. A word brings GELU_LANES entries, each to a
// bank of its own, one copy a token.
inline void load_gelu(WordStream& words, GeluMemory& gelu) {
#pragma HLS INLINE off
    QNAS_ENTER(trace::TABLE);
table:
    for (int i = 0; i < 256 / plan::GELU_LANES; ++i) {
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
    Tile draining = first_tile(stage, 0);
    int slot = plan::TM;  // next row slot to drain; TM: nothing is pending

row_tiles:
    for (int phase = 0; phase < stage.row_tiles + 2; ++phase) {
#pragma HLS LOOP_TRIPCOUNT min=3 max=MOST_PHASES
        const bool prefetch = phase == 0, flush = phase == stage.row_tiles + 1;
        const bool computing = !prefetch && !flush;
        const int steps = prefetch ? stage.load_steps : flush ? plan::TM : stage.row_steps;
        const int loads = phase < stage.row_tiles ? stage.load_steps : 0;
        Tile tile = first_tile(stage, phase - 1);
        int k = 0;
        QNAS_ENTER(prefetch ? trace::PREFETCH : flush ? trace::FLUSH : trace::TILES);
    steps:
        for (int i = 0; i < steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_STEPS max=MOST_STEPS
            // No operation reads the region of a memory that it writes, a load fills the half of
            // the weight memory that is not read, and each residual is touched once in a stage.
#pragma HLS DEPENDENCE variable=act inter false
#pragma HLS DEPENDENCE variable=weight inter false
#pragma HLS DEPENDENCE variable=row_param inter false
#pragma HLS DEPENDENCE variable=residual inter false
            QNAS_COUNT(prefetch ? trace::PREFETCH : flush ? trace::FLUSH : trace::TILES);
            if (slot < plan::TM) {
                drain_slot(stage, draining, slot, drain, held, row_param, query_scale, gelu, act,
                           key, score, residual, logit);
                ++slot;
            }
            if (computing && tile.token_tile < stage.token_tiles && k < stage.beats) {
                const int half = (tile.row_tile & 1) ? plan::MAX_BEATS : 0;
                multiply_accumulate(weight[half + k], act[tile.src_row + k], k == 0, accumulator);
                if (k == stage.beats - 1) {  // TM steps or more since the last time: it is drained
                    copy_accumulators(accumulator, drain);
                    draining = tile;
                    slot = 0;
                }
            }
            if (i < loads)
                load_step(stage, phase, cursor, words, key, prob, weight, row_param);
            if (++k == stage.tile_steps) {
                k = 0;
                next_token_tile(stage, tile);
            }
        }
    }
}

}  // namespace qnas
