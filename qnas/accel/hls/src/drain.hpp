// Draining a finished tile: join the nibbles of a row, requantize, add the bias, and write the
// result where the next operation reads it. Of weights one row of TT tokens a cycle, which has a slot
// or a pair of them; in attention, where every row has a pair, SCORE_PAIRS rows of scores and
// DRAIN_PAIRS of `attend`.
#pragma once
#include "epilogue.hpp"

namespace qnas {

// Of the row that step `step` of a tile drains.
inline RowParam stored_row(int tile, int step, const RowParamMemory& row_param) {
#pragma HLS INLINE
    constexpr int banks = plan::ROW_PARAM_BANKS;
    const int base = address_product(tile & 3, plan::ROW_PARAM_WORDS);
    const ap_uint<64> bits = row_param[base + step / banks][step % banks];
    RowParam param;
    param.bias = bias_t(ap_uint<26>(bits.range(25, 0)));
    param.mult = mult_t(ap_uint<18>(bits.range(43, 26)));
    param.shift = shift_t(bits.range(49, 44));
    param.kind = ap_uint<2>(bits.range(51, 50));
    param.row = ap_uint<12>(bits.range(63, 52));
    return param;
}

// The scale of a row of P.V belongs to its query; scores have none. `first` is a multiple of the rows
// that leave together.
inline RowParam implied_row(const Stage& stage, const Tile& tile, int first, int pair,
                            const QueryScaleMemory& query_scale) {
#pragma HLS INLINE
    RowParam param;
    param.bias = 0;
    param.mult = 0;
    param.shift = 1;
    if (pair < plan::DRAIN_PAIRS && stage.left == PROBS) {
        const int row = first < stage.rows ? first / plan::DRAIN_PAIRS : 0;
        const ap_uint<24> scale = query_scale[tile.scale_row + row][pair];
        param.mult = mult_t(ap_uint<18>(scale.range(17, 0)));
        param.shift = shift_t(scale.range(23, 18));
    }
    param.row = first + pair;
    param.kind = param.row < stage.rows ? EIGHT_BIT : PADDING;
    return param;
}

// Where in the array a step drains: SCORE_PAIRS pairs of slots, number `group` of the tile; of
// weights and `attend` those from pair `pair` of them on.
struct Drained {
    int group, pair;
    bool joined;  // a row of two nibbles; else of the second slot of the pair if `second`, or the first
    bool second;
};

inline Drained drained_by(const Stage& stage, const Tile& tile, int step) {
#pragma HLS INLINE
    constexpr int pairs = plan::SCORE_PAIRS, parts = pairs / plan::DRAIN_PAIRS;
    const int eight = stage.w8_rows + (tile.row_tile < stage.w8_more ? 1 : 0);
    const bool weights = stage.left == WEIGHTS, joined = !weights || step < eight;
    const int own = joined ? 2 * step : eight + step, slot = own < plan::TM ? own : 0;
    const bool attend = stage.left == PROBS;
    Drained at;
    at.group = weights ? slot / (2 * pairs) : attend ? step / parts : step;
    at.pair = weights ? slot / 2 % pairs : attend ? step % parts * plan::DRAIN_PAIRS : 0;
    at.joined = joined;
    at.second = slot % 2 != 0;
    return at;
}

// Sums of the pairs that leave, those from `at.pair` on first.
inline void join(const Drained& at, const Accumulators& drain, RowSums& sum) {
#pragma HLS INLINE
    constexpr int pairs = plan::SCORE_PAIRS;
    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        acc_t slot[2 * pairs];
#pragma HLS ARRAY_PARTITION variable=slot complete dim=1
        for (int q = 0; q < 2 * pairs; ++q) {
#pragma HLS UNROLL
            slot[q] = drain[at.group * 2 * pairs + q][j];
        }
        for (int p = 0; p < pairs; ++p) {
#pragma HLS UNROLL
            const int pair = p < plan::DRAIN_PAIRS ? at.pair + p : p;
            const acc_t high = slot[2 * pair], low = slot[2 * pair + 1];
            const sum_t sixteenfold = at.joined ? sum_t(sum_t(high) * 16) : sum_t(0);
            const acc_t single = at.joined || at.second ? low : high;
            sum[p][j] = sixteenfold + single;
        }
    }
}

// Step `step` of draining `tile`.
inline void drain_step(const Stage& stage, const Tile& tile, int step, const Accumulators& drain,
                       const RowParamMemory& row_param, const QueryScaleMemory& query_scale,
                       const GeluMemory& gelu, ActMemory& act, KeyMemory& key, ScoreMemory& score,
                       ResidualMemory& residual, LogitMemory& logit) {
#pragma HLS INLINE
    constexpr int pairs = plan::SCORE_PAIRS;
    RowSums sum;
    RowParams param;
#pragma HLS ARRAY_PARTITION variable=sum complete dim=0
#pragma HLS ARRAY_PARTITION variable=param complete dim=1
    join(drained_by(stage, tile, step), drain, sum);
    const int together = stage.left == PROBS ? plan::DRAIN_PAIRS : pairs;
    const int first = tile.first_pair + step * together;
    for (int p = 0; p < pairs; ++p) {
#pragma HLS UNROLL
        param[p] = implied_row(stage, tile, first, p, query_scale);
        if (stage.left == WEIGHTS) param[p].kind = PADDING;
    }
    if (stage.left == WEIGHTS) param[0] = stored_row(tile.row_tile, step, row_param);
    emit(stage, tile, param, sum, gelu, act, key, score, residual, logit);
}

}  // namespace qnas
