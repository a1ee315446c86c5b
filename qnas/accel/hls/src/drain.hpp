// Draining a finished tile, one row slot of TT tokens a cycle: join the nibbles of a row,
// requantize, add the bias, and write the result where the next operation reads it.
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

// In attention every row is two nibbles; the scale of a row of P.V belongs to its query.
inline RowParam implied_row(const Stage& stage, int tile, int slot,
                            const QueryScaleMemory& query_scale) {
#pragma HLS INLINE
    const int row = address_product(tile, plan::TM / 2) + slot / 2;
    const bool inside = row < stage.rows;
    const ap_uint<24> scale = query_scale[inside ? row : 0];
    RowParam param;
    param.bias = 0;
    param.mult = mult_t(ap_uint<18>(scale.range(17, 0)));
    param.shift = shift_t(scale.range(23, 18));
    param.kind = !inside ? PADDING : slot % 2 == 0 ? HIGH_NIBBLE : LOW_NIBBLE;
    param.row = row;
    return param;
}

inline void drain_slot(const Stage& stage, const Tile& tile, int slot, const Accumulators& drain,
                       sum_t held[plan::TT], const RowParamMemory& row_param,
                       const QueryScaleMemory& query_scale, const GeluMemory& gelu,
                       ActMemory& act, KeyMemory& key, ScoreMemory& score,
                       ResidualMemory& residual, LogitMemory& logit) {
#pragma HLS INLINE
    const RowParam param = stage.left == WEIGHTS
                               ? stored_row(tile.row_tile, slot, row_param)
                               : implied_row(stage, tile.row_tile, slot, query_scale);
    sum_t sum[plan::TT];
#pragma HLS ARRAY_PARTITION variable=sum complete dim=1
    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        const sum_t nibbles = drain[slot][j];
        sum[j] = nibbles;
        if (param.kind == LOW_NIBBLE) sum[j] = held[j] + nibbles;
        if (param.kind == HIGH_NIBBLE) held[j] = nibbles * 16;
    }
    if (param.kind == FOUR_BIT || param.kind == LOW_NIBBLE)
        emit(stage, tile, param, sum, gelu, act, key, score, residual, logit);
}

}  // namespace qnas
