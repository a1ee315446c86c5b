// What becomes of a row of TT accumulators (NUMERICS.md, section 3), and where it is written.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "types.hpp"

namespace qnas {

// One (row tile, token tile), with the rows of the memories that its tokens lie in.
struct Tile {
    int row_tile, token_tile;
    int first_token;  // token_tile * TT
    int src_row, dst_row, score_row, residual_row;
};

enum RowKind { FOUR_BIT = 0, HIGH_NIBBLE = 1, LOW_NIBBLE = 2, PADDING = 3 };

struct RowParam {
    int kind, row;
    bias_t bias;
    mult_t mult;
    shift_t shift;
};

// Rows that leave the array in one cycle: of weights only the first may be one.
typedef RowParam RowParams[plan::DRAIN_PAIRS];
typedef sum_t RowSums[plan::DRAIN_PAIRS][plan::TT];
typedef scaled_t ScaledRows[plan::DRAIN_PAIRS][plan::TT];

inline bool emits(const RowParam& param) {
#pragma HLS INLINE
    return param.kind == FOUR_BIT || param.kind == LOW_NIBBLE;
}

inline Tile first_tile(const Stage& stage, int row_tile) {
#pragma HLS INLINE
    const Tile tile = {row_tile, 0, 0, stage.src_base, stage.dst_base, 0, 0};
    return tile;
}

inline void next_token_tile(const Stage& stage, Tile& tile) {
#pragma HLS INLINE
    ++tile.token_tile;
    tile.first_token += plan::TT;
    tile.src_row += stage.src_stride;
    tile.dst_row += stage.dst_stride;
    tile.score_row += plan::SCORE_STRIDE;
    tile.residual_row += plan::RESIDUAL_STRIDE;
}

// A row of a query, key or value matrix is channel `channel` of head `head`.
struct HeadRow {
    int head, channel, offset;  // offset: bank rows of the heads before
};

inline HeadRow split_head(const Stage& stage, int row) {
#pragma HLS INLINE
    HeadRow result = {0, row, 0};
    for (int head = 1; head < plan::MAX_HEADS; ++head) {
#pragma HLS UNROLL
        if (row >= head * plan::HEAD_DIM) {
            result.head = head;
            result.channel = row - head * plan::HEAD_DIM;
        }
    }
    result.offset = address_product(result.head, stage.dst_group_stride);
    return result;
}

// One channel of TT tokens: element (token, channel) lies in bank (token % TT, channel % TK).
template <class Memory, class T>
void write_channel(const Stage& stage, const Tile& tile, int row, int channel, const T values[plan::TT],
                   Memory& memory) {
#pragma HLS INLINE
    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        if (tile.first_token + j < stage.tokens)
            memory[row + channel / plan::TK][j][channel % plan::TK] = values[j];
    }
}

// TT neighbouring channels of one token. TT <= TK: each bank receives at most one.
template <class Memory, class T>
void write_token(const Stage& stage, const Tile& tile, int row, int token, int first_channel,
                 const T values[plan::TT], Memory& memory) {
#pragma HLS INLINE
    static_assert(plan::TT <= plan::TK, "neighbouring channels need banks of their own");
    const int bank = token - group_of(token) * plan::TT;
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const int j = (k - first_channel) & (plan::TK - 1);
        if (j < plan::TT && tile.first_token + j < stage.tokens)
            memory[row + (first_channel + j) / plan::TK][bank][k] = values[j];
    }
}

inline act_t saturated_act(scaled_t value) {
#pragma HLS INLINE
    return saturate<plan::ACT_BITS, 48>(value, -plan::ACT_MAX, plan::ACT_MAX);
}

// A row of a query or value matrix: one channel of a head.
inline void emit_channel(const Stage& stage, const Tile& tile, int row,
                         const scaled_t scaled[plan::TT], ActMemory& act) {
#pragma HLS INLINE
    act_t values[plan::TT];
#pragma HLS ARRAY_PARTITION variable=values complete dim=1
    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        values[j] = saturated_act(scaled[j]);
    }
    const HeadRow head = split_head(stage, row);
    if (stage.dst == VALUE) {  // transposed, since P.V runs over the tokens
        const int group = address_product(group_of(head.channel), stage.dst_stride);
        write_token(stage, tile, stage.dst_base + head.offset + group, head.channel,
                    tile.first_token, values, act);
    } else {
        write_channel(stage, tile, tile.dst_row + head.offset, head.channel, values, act);
    }
}

// One channel of TT keys: element (token, channel) lies in bank (token + channel) % TK, each token
// in bank rows of its own. TT <= TK: each bank receives at most one.
inline void emit_key(const Stage& stage, const Tile& tile, int row,
                     const scaled_t scaled[plan::TT], KeyMemory& key) {
#pragma HLS INLINE
    const HeadRow head = split_head(stage, row);
    const int first_bank = head.channel + tile.first_token;
    const int address = tile.dst_row + head.offset + head.channel / plan::TK;
    pair_t values[plan::TK], turned[plan::TK];
#pragma HLS ARRAY_PARTITION variable=values complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        values[k] = 0;
        if (k < plan::TT) values[k] = saturate<8, 48>(scaled[k], -119, 119);
    }
    rotate(values, -first_bank & (plan::TK - 1), turned);
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const int j = (k - first_bank) & (plan::TK - 1);
        if (j < plan::TT && tile.first_token + j < stage.tokens)
            key[address + j * plan::KEY_STRIDE][k] = turned[k];
    }
}

inline void emit_gelu(const Stage& stage, const Tile& tile, int row,
                      const scaled_t scaled[plan::TT], const GeluMemory& gelu, ActMemory& act) {
#pragma HLS INLINE
    constexpr int middle = plan::GELU_ROWS * plan::GELU_LANES / 2;
    act_t values[plan::TT];
#pragma HLS ARRAY_PARTITION variable=values complete dim=1
    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        const int entry = saturate<plan::ACT_BITS + 2, 48>(scaled[j], -middle, middle - 1) + middle;
        values[j] = gelu[entry / plan::GELU_LANES][j][entry % plan::GELU_LANES];
    }
    write_channel(stage, tile, tile.dst_row, row, values, act);
}

// A token offset (0 or 1) turns the banks: bank b receives token b - offset, of the next group
// where that is negative.
inline void emit_residual(const Stage& stage, const Tile& tile, int row,
                          const scaled_t scaled[plan::TT], ResidualMemory& residual) {
#pragma HLS INLINE
    const int address = tile.residual_row + row / plan::VL, lane = row % plan::VL;
    for (int bank = 0; bank < plan::TT; ++bank) {
#pragma HLS UNROLL
        const bool wraps = bank < stage.token_offset;
        const int j = bank - stage.token_offset + (wraps ? plan::TT : 0);
        const int group = address + (wraps ? plan::RESIDUAL_STRIDE : 0);
        if (tile.first_token + j < stage.tokens) {
            const ap_int<49> sum = residual[group][bank][lane] + scaled[j];
            residual[group][bank][lane] = saturate<16, 49>(sum, -32768, 32767);
        }
    }
}

// Neighbouring keys lie in different lanes; DRAIN_PAIRS of them never straddle a bank row.
inline void emit_scores(const Stage& stage, const Tile& tile, const RowParams& param,
                        const RowSums& sum, ScoreMemory& score) {
#pragma HLS INLINE
    constexpr int pairs = plan::DRAIN_PAIRS;
    static_assert(plan::VL % pairs == 0, "rows that leave together lie in one row of banks");
    const int row = tile.score_row + param[0].row / plan::VL, first = param[0].row % plan::VL;
    for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
        if (lane / pairs != first / pairs || !emits(param[lane % pairs])) continue;
        for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
            if (tile.first_token + j < stage.tokens)
                score[row][j][lane] = score_t(sum[lane % pairs][j]);
        }
    }
}

// Rows are query tokens, columns are channels of the head. DRAIN_PAIRS <= TT: neighbouring queries
// lie in different token banks, some perhaps in the next group.
inline void emit_attended(const Stage& stage, const Tile& tile, const RowParams& param,
                          const ScaledRows& scaled, ActMemory& act) {
#pragma HLS INLINE
    constexpr int pairs = plan::DRAIN_PAIRS;
    static_assert(pairs <= plan::TT, "rows that leave together need token banks of their own");
    const int group = group_of(param[0].row), first_bank = param[0].row - group * plan::TT;
    const int row = stage.dst_base + address_product(group, stage.dst_stride);
    const int channel = address_product(stage.head, plan::HEAD_DIM) + tile.first_token;
    act_t turned[pairs][plan::TK];  // as the channel banks take them
    bool taken[plan::TK];
    int offset[plan::TK];
#pragma HLS ARRAY_PARTITION variable=turned complete dim=0
#pragma HLS ARRAY_PARTITION variable=taken complete dim=1
#pragma HLS ARRAY_PARTITION variable=offset complete dim=1
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const int j = (k - channel) & (plan::TK - 1);
        taken[k] = j < plan::TT && tile.first_token + j < stage.tokens;
        offset[k] = (channel + j) / plan::TK;
        for (int p = 0; p < pairs; ++p) {
#pragma HLS UNROLL
            if (taken[k] && emits(param[p]))
                turned[p][k] = saturated_act(scaled[p][j]);
        }
    }
    for (int bank = 0; bank < plan::TT; ++bank) {
#pragma HLS UNROLL
        const bool wraps = bank < first_bank;
        const int p = bank - first_bank + (wraps ? plan::TT : 0);
        if (p >= pairs || !emits(param[p])) continue;
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            if (taken[k])
                act[row + (wraps ? stage.dst_stride : 0) + offset[k]][bank][k] = turned[p][k];
        }
    }
}

inline void emit_logits(int row, const scaled_t scaled[plan::TT], LogitMemory& logit) {
#pragma HLS INLINE
    logit[row] = saturate<32, 48>(scaled[0], -2147483647 - 1, 2147483647);
}

inline void emit(const Stage& stage, const Tile& tile, const RowParams& param, const RowSums& sum,
                 const GeluMemory& gelu, ActMemory& act, KeyMemory& key, ScoreMemory& score,
                 ResidualMemory& residual, LogitMemory& logit) {
#pragma HLS INLINE
    if (stage.epilogue == TO_RAW) {
        emit_scores(stage, tile, param, sum, score);
        return;
    }
    ScaledRows scaled;
#pragma HLS ARRAY_PARTITION variable=scaled complete dim=0
    for (int p = 0; p < plan::DRAIN_PAIRS; ++p) {
#pragma HLS UNROLL
        if (!emits(param[p])) continue;
        for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
            scaled[p][j] = requantize(sum[p][j], param[p].mult, param[p].shift, param[p].bias);
        }
    }
    if (stage.dst == ATTENDED) {
        emit_attended(stage, tile, param, scaled, act);
        return;
    }
    if (!emits(param[0])) return;
    const int row = param[0].row;
    switch (stage.epilogue) {
        case TO_ACTIVATION: emit_channel(stage, tile, row, scaled[0], act); break;
        case TO_NIBBLES: emit_key(stage, tile, row, scaled[0], key); break;
        case TO_GELU: emit_gelu(stage, tile, row, scaled[0], gelu, act); break;
        case TO_RESIDUAL: emit_residual(stage, tile, row, scaled[0], residual); break;
        case TO_LOGITS: emit_logits(row, scaled[0], logit); break;
        default: break;
    }
}

}  // namespace qnas
