// Draining a finished tile: join the nibbles of a row, requantize, add the bias, and write the
// result where the next operation reads it. Of weights one row slot of TT tokens a cycle; in
// attention, where every row is a pair of slots, DRAIN_PAIRS rows.
#pragma once
#include "epilogue.hpp"

namespace qnas {

inline RowParam stored_row(int tile, int slot, const RowParamMemory& row_param) {
#pragma HLS INLINE
    constexpr int banks = plan::ROW_PARAM_BANKS;
    const int base = address_product(tile & 3, plan::ROW_PARAM_WORDS);
    const ap_uint<64> bits = row_param[base + slot / banks][slot % banks];
    RowParam param;
    param.bias = bias_t(ap_uint<26>(bits.range(25, 0)));
    param.mult = mult_t(ap_uint<18>(bits.range(43, 26)));
    param.shift = shift_t(bits.range(49, 44));
    param.kind = ap_uint<2>(bits.range(51, 50));
    param.row = ap_uint<12>(bits.range(63, 52));
    return param;
}

// The scale of a row of P.V belongs to its query. `first` is a multiple of DRAIN_PAIRS.
inline RowParam implied_row(const Stage& stage, int first, int pair,
                            const QueryScaleMemory& query_scale) {
#pragma HLS INLINE
    const int row = first < stage.rows ? first / plan::DRAIN_PAIRS : 0;
    const ap_uint<24> scale =
        query_scale[half_base<plan::QUERY_SCALE_ROWS>(stage.half) + row][pair];
    RowParam param;
    param.bias = 0;
    param.mult = mult_t(ap_uint<18>(scale.range(17, 0)));
    param.shift = shift_t(scale.range(23, 18));
    param.row = first + pair;
    param.kind = param.row < stage.rows ? LOW_NIBBLE : PADDING;
    return param;
}

// Sum of a row of weights, of which `slot` holds all or, after the high nibble, the low one.
inline void join_weights(const RowParam& param, const acc_t slot[plan::TT],
                         sum_t held[plan::TT], sum_t sum[plan::TT]) {
#pragma HLS INLINE
    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        const sum_t nibbles = slot[j];
        sum[j] = nibbles;
        if (param.kind == LOW_NIBBLE) sum[j] = held[j] + nibbles;
        if (param.kind == HIGH_NIBBLE) held[j] = nibbles * 16;
    }
}

inline void join_pair(const acc_t high[plan::TT], const acc_t low[plan::TT],
                      sum_t sum[plan::TT]) {
#pragma HLS INLINE
    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        const sum_t sixteenfold = sum_t(high[j]) * 16;
        sum[j] = sixteenfold + low[j];
    }
}

// Step `step` of draining `tile`: one slot of weights, or DRAIN_PAIRS pairs of attention.
inline void drain_step(const Stage& stage, const Tile& tile, int step, const Accumulators& drain,
                       sum_t held[plan::TT], const RowParamMemory& row_param,
                       const QueryScaleMemory& query_scale, const GeluMemory& gelu,
                       ActMemory& act, KeyMemory& key, ScoreMemory& score,
                       ResidualMemory& residual, LogitMemory& logit) {
#pragma HLS INLINE
    constexpr int pairs = plan::DRAIN_PAIRS, slots = 2 * pairs;
    const bool weights = stage.left == WEIGHTS;
    const int group = weights ? step / slots : step;  // `slots` neighbouring row slots
    acc_t drained[slots][plan::TT];
    sum_t sum[pairs][plan::TT];
    RowParam param[pairs];
#pragma HLS ARRAY_PARTITION variable=drained complete dim=0
#pragma HLS ARRAY_PARTITION variable=sum complete dim=0
#pragma HLS ARRAY_PARTITION variable=param complete dim=1
    for (int q = 0; q < slots; ++q) {
#pragma HLS UNROLL
        for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
            drained[q][j] = drain[group * slots + q][j];
        }
    }
    if (weights) {
        param[0] = stored_row(tile.row_tile, step, row_param);
        join_weights(param[0], drained[step % slots], held, sum[0]);
        for (int p = 1; p < pairs; ++p) {
#pragma HLS UNROLL
            param[p].kind = PADDING;
        }
    } else {
        const int first = address_product(tile.row_tile, plan::TM / 2) + step * pairs;
        for (int p = 0; p < pairs; ++p) {
#pragma HLS UNROLL
            param[p] = implied_row(stage, first, p, query_scale);
            join_pair(drained[2 * p], drained[2 * p + 1], sum[p]);
        }
    }
    emit(stage, tile, param, sum, gelu, act, key, score, residual, logit);
}

}  // namespace qnas
