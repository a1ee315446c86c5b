// What becomes of a row of TT accumulators (NUMERICS.md, section 3), and where it is written.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "types.hpp"

namespace qnas {

// Rows of the memories in which tokens lie.
struct TokenRows {
    int src, dst, score, residual;
};

// One (row tile, token tile) of an image. Row tiles of attention count on from image to image.
struct Tile {
    short row_tile, token_tile, image;
    short first_token;  // token_tile * TT
    short first_pair;   // of attention: pairs of slots of the image's row tiles before, a row each
    TokenRows at;       // of the tile's tokens
    TokenRows first;    // of the image's first ones
    int scale_row, logit_row;  // first ones of the image
};

enum RowKind { FOUR_BIT = 0, EIGHT_BIT = 1, PADDING = 3 };

struct RowParam {
    int kind, row;
    bias_t bias;
    mult_t mult;
    shift_t shift;
};

// Rows that leave the array in one cycle: of weights the first alone, of `attend` DRAIN_PAIRS.
typedef RowParam RowParams[plan::SCORE_PAIRS];
typedef sum_t RowSums[plan::SCORE_PAIRS][plan::TT];
typedef scaled_t ScaledRows[plan::DRAIN_PAIRS][plan::TT];

inline bool emits(const RowParam& param) {
#pragma HLS INLINE
    return param.kind != PADDING;
}

// Of the first image.
inline Tile first_tile(const Stage& stage, short row_tile) {
#pragma HLS INLINE
    const TokenRows rows = {stage.src_base, stage.dst_base, half_base<plan::SCORE_ROWS>(stage.half),
                            stage.token_offset * plan::RESIDUAL_STRIDE};
    const int scale_row = half_base<plan::QUERY_SCALE_ROWS>(stage.half);
    const Tile tile = {row_tile, 0, 0, 0, 0, rows, rows, scale_row, 0};
    return tile;
}

// Whether the row tile has no further image: one of weights is multiplied with all of them, one of keys
// or probabilities belongs to one.
inline bool is_last_image(const Stage& stage, const Tile& tile) {
#pragma HLS INLINE
    return stage.left != WEIGHTS || tile.image == plan::BATCH - 1;
}

inline void next_image(const Stage& stage, Tile& tile) {
#pragma HLS INLINE
    ++tile.image;
    tile.first.src += plan::ACT_IMAGE_ROWS;
    tile.first.dst += stage.dst == KEY ? plan::KEY_IMAGE_ROWS : plan::ACT_IMAGE_ROWS;
    tile.first.score += plan::SCORE_IMAGE_ROWS;
    tile.first.residual += plan::RESIDUAL_IMAGE_ROWS;
    tile.scale_row += plan::QUERY_SCALE_IMAGE_ROWS;
    tile.logit_row += plan::LOGIT_IMAGE_ROWS;
}

// All token tiles of a row tile and an image; then of weights the next image, behind the last one the
// next row tile; of attention the next row tile, behind the image's last one the next image.
inline void next_tile(const Stage& stage, Tile& tile) {
#pragma HLS INLINE
    if (tile.token_tile < stage.token_tiles - 1) {
        ++tile.token_tile;
        tile.first_token += plan::TT;
        tile.at.src += stage.src_stride;
        tile.at.dst += stage.dst_stride;
        tile.at.score += plan::TT * plan::SCORE_STRIDE;
        tile.at.residual += plan::TT * plan::RESIDUAL_STRIDE;
        return;
    }
    const bool weights = stage.left == WEIGHTS;
    const bool more_rows = !weights && tile.first_pair < stage.rows - plan::TM / 2;
    const short row_tile = tile.row_tile + (is_last_image(stage, tile) ? 1 : 0);
    if (!more_rows && tile.image == plan::BATCH - 1) {
        tile = first_tile(stage, row_tile);
        return;
    }
    if (!more_rows) next_image(stage, tile);
    tile.row_tile = row_tile;
    tile.token_tile = tile.first_token = 0;
    tile.first_pair = more_rows ? tile.first_pair + plan::TM / 2 : 0;
    tile.at = tile.first;
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

inline act_t saturated_act(scaled_t value) {
#pragma HLS INLINE
    return saturate<plan::ACT_BITS, 48>(value, -plan::ACT_MAX, plan::ACT_MAX);
}

// One channel of TT keys: element (token, channel) lies in bank (token + channel) % TK, each token
// in bank rows of its own. TT <= TK: each bank receives at most one.
inline void emit_key(const Stage& stage, const Tile& tile, int row,
                     const scaled_t scaled[plan::TT], KeyMemory& key) {
#pragma HLS INLINE
    const HeadRow head = split_head(stage, row);
    const int first_bank = head.channel + tile.first_token;
    const int address = tile.at.dst + head.offset + head.channel / plan::TK;
    pair_t values[plan::TK], turned[plan::TK];
#pragma HLS ARRAY_PARTITION variable=values complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        values[k] = 0;
        if (k < plan::TT) values[k] = saturate<8, 48>(scaled[k], -119, 119);
    }
    rotate<plan::TK>(values, -first_bank & (plan::TK - 1), turned);
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const int j = (k - first_bank) & (plan::TK - 1);
        if (j < plan::TT && tile.first_token + j < stage.tokens)
            key[address + j * plan::KEY_STRIDE][k] = turned[k];
    }
}

inline act_t gelu_of(scaled_t value, int lane, const GeluMemory& gelu) {
#pragma HLS INLINE
    constexpr int middle = plan::GELU_ROWS * plan::GELU_LANES / 2;
    const int entry = saturate<plan::ACT_BITS + 2, 48>(value, -middle, middle - 1) + middle;
    return gelu[entry / plan::GELU_LANES][lane][entry % plan::GELU_LANES];
}

// One channel of TT tokens: element (token, channel) lies in bank (token + channel) % RESIDUAL_BANKS,
// each token in bank rows of its own. What is added has a bit more than a residual: more saturates.
inline void emit_residual(const Stage& stage, const Tile& tile, int row,
                          const scaled_t scaled[plan::TT], ResidualMemory& residual) {
#pragma HLS INLINE
    constexpr int banks = plan::RESIDUAL_BANKS, most = 65535;
    static_assert(plan::TT <= banks && plan::VL <= banks, "a bank for each value");
    const int first_bank = tile.first_token + stage.token_offset + row;
    const int address = tile.at.residual + row / banks;
    increment_t values[banks], turned[banks];
#pragma HLS ARRAY_PARTITION variable=values complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
    for (int b = 0; b < banks; ++b) {
#pragma HLS UNROLL
        values[b] = 0;
        if (b < plan::TT) values[b] = saturate<17, 48>(scaled[b], -most - 1, most);
    }
    rotate<banks>(values, -first_bank & (banks - 1), turned);
    for (int b = 0; b < banks; ++b) {
#pragma HLS UNROLL
        const int j = (b - first_bank) & (banks - 1);
        const int at = address + j * plan::RESIDUAL_STRIDE;
        if (j < plan::TT && tile.first_token + j < stage.tokens) {
            const ap_int<18> sum = residual[at][b] + turned[b];
            residual[at][b] = saturate<16, 18>(sum, -32768, 32767);
        }
    }
}

// SCORE_PAIRS neighbouring keys of TT queries: element (query, key) lies in bank
// (SCORE_PAIRS * query + key) % SCORE_BANKS, each query in bank rows of its own. The first key is a
// multiple of SCORE_PAIRS, so that keys which leave together lie in one row.
inline void emit_scores(const Stage& stage, const Tile& tile, const RowParams& param,
                        const RowSums& sum, ScoreMemory& score) {
#pragma HLS INLINE
    constexpr int pairs = plan::SCORE_PAIRS, banks = plan::SCORE_BANKS;
    static_assert(plan::TT * pairs <= banks && plan::VL <= banks, "a bank for each value");
    static_assert(plan::VL % pairs == 0, "rows that leave together lie in one row of banks");
    const int first_key = param[0].row, first_group = tile.first_token + first_key / pairs;
    const int address = tile.at.score + first_key / banks;
    score_t values[banks], turned[banks];
#pragma HLS ARRAY_PARTITION variable=values complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
    for (int b = 0; b < banks; ++b) {
#pragma HLS UNROLL
        values[b] = 0;
        if (b < plan::TT * pairs) values[b] = score_t(sum[b % pairs][b / pairs]);
    }
    rotate_groups<banks, pairs>(values, -first_group & (banks / pairs - 1), turned);
    for (int b = 0; b < banks; ++b) {
#pragma HLS UNROLL
        const int j = (b / pairs - first_group) & (banks / pairs - 1);
        if (j < plan::TT && tile.first_token + j < stage.tokens && emits(param[b % pairs]))
            score[address + j * plan::SCORE_STRIDE][b] = turned[b];
    }
}

// Where in the activation memory goes what leaves in an iteration: a block of token banks by channel
// banks. As they come, rows are channels of the result and columns its tokens: one channel of TT
// tokens. Values and attended tokens are transposed, since P.V runs over keys and `proj` over
// channels: DRAIN_PAIRS neighbouring tokens (of values one), each of TT neighbouring channels. Element
// (token, channel) lies in bank (token % TT, channel % TK); the last tokens of a block may lie in the
// next token group, its last channels in the next row.
struct Block {
    bool transposed;
    int row;  // bank row of the first element
    int first_bank, first_channel;
};

inline Block block_of(const Stage& stage, const Tile& tile, int row) {
#pragma HLS INLINE
    const bool values = stage.dst == VALUE, attended = stage.dst == ATTENDED;
    const bool heads = values || stage.dst == QUERY;
    const HeadRow head = split_head(stage, row);
    const int own = heads ? head.channel : row;
    const int of_head = attended ? address_product(stage.head, plan::HEAD_DIM) : 0;
    Block block;
    block.transposed = values || attended;
    const int token = block.transposed ? own : 0;
    const int channel = block.transposed ? of_head + tile.first_token : own;
    const int group = group_of(token);
    const int base = block.transposed ? tile.first.dst + address_product(group, stage.dst_stride)
                                      : tile.at.dst;
    block.row = base + (heads ? head.offset : 0) + channel / plan::TK;
    block.first_bank = token - group * plan::TT;
    block.first_channel = channel % plan::TK;
    return block;
}

// Of rows that leave together the one for a token bank; DRAIN_PAIRS and more: none.
inline int pair_of(const Block& block, int bank) {
#pragma HLS INLINE
    return bank - block.first_bank + (bank < block.first_bank ? plan::TT : 0);
}

// Enables and values of all banks first, then one store a bank, of words one a byte.
inline void emit_activations(const Stage& stage, const Tile& tile, const RowParams& param,
                             const ScaledRows& scaled, const GeluMemory& gelu, ActMemory& act) {
#pragma HLS INLINE
    constexpr int pairs = plan::DRAIN_PAIRS;
    constexpr bool tokens_wrap = plan::TT % pairs != 0;
    constexpr bool channels_wrap = plan::TK % plan::TT != 0 || plan::HEAD_DIM % plan::TT != 0;
    static_assert(pairs <= plan::TT, "rows that leave together need token banks of their own");
    static_assert(plan::TT <= plan::TK, "neighbouring channels need banks of their own");
    static_assert(plan::ACT_WORD == 1 || pairs == 1, "a word has one row in a cycle");
    const Block block = block_of(stage, tile, param[0].row);
    act_t direct[plan::TT], turned[pairs][plan::TK];
    bool token_taken[plan::TT], channel_taken[plan::TK];
#pragma HLS ARRAY_PARTITION variable=direct complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=0
#pragma HLS ARRAY_PARTITION variable=token_taken complete dim=1
#pragma HLS ARRAY_PARTITION variable=channel_taken complete dim=1
    for (int p = 0; p < pairs; ++p) {
#pragma HLS UNROLL
        act_t value[plan::TK];
#pragma HLS ARRAY_PARTITION variable=value complete dim=1
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            value[k] = 0;
            if (k < plan::TT) value[k] = saturated_act(scaled[p][k]);
        }
        rotate<plan::TK>(value, -block.first_channel & (plan::TK - 1), turned[p]);
    }
    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        const int p = pair_of(block, j);
        const bool leaves = p < pairs && emits(param[p < pairs ? p : 0]);
        direct[j] = saturated_act(scaled[0][j]);
        if (stage.epilogue == TO_GELU) direct[j] = gelu_of(scaled[0][j], j, gelu);
        token_taken[j] = block.transposed ? leaves : tile.first_token + j < stage.tokens;
    }
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const int j = (k - block.first_channel) & (plan::TK - 1);
        const bool inside = j < plan::TT && tile.first_token + j < stage.tokens;
        channel_taken[k] = block.transposed ? inside : j == 0;
    }
    for (int bank = 0; bank < plan::ACT_BANKS; ++bank) {
#pragma HLS UNROLL
        const int k = bank % plan::TK;
        const int next_row = channels_wrap && k < block.first_channel ? 1 : 0;
        for (int t = 0; t < plan::ACT_WORD; ++t) {
#pragma HLS UNROLL
            const int j = bank / plan::TK * plan::ACT_WORD + t;
            if (j >= plan::TT) continue;
            const int p = pair_of(block, j);
            const int next_group = tokens_wrap && j < block.first_bank ? stage.dst_stride : 0;
            if (token_taken[j] && channel_taken[k])
                act[block.row + next_group + next_row][bank][t] =
                    block.transposed ? turned[p < pairs ? p : 0][k] : direct[j];
        }
    }
}

inline void emit_logits(const Tile& tile, int row, const scaled_t scaled[plan::TT],
                        LogitMemory& logit) {
#pragma HLS INLINE
    logit[tile.logit_row + row] = saturate<32, 48>(scaled[0], -2147483647 - 1, 2147483647);
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
    const bool leaves = emits(param[0]);
    const int row = param[0].row;
    switch (stage.epilogue) {
        case TO_NIBBLES:
            if (leaves) emit_key(stage, tile, row, scaled[0], key);
            break;
        case TO_RESIDUAL:
            if (leaves) emit_residual(stage, tile, row, scaled[0], residual);
            break;
        case TO_LOGITS:
            if (leaves) emit_logits(tile, row, scaled[0], logit);
            break;
        default:
            if (leaves) emit_activations(stage, tile, param, scaled, gelu, act);
    }
}

}  // namespace qnas
