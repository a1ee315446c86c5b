// LayerNorm in integers (NUMERICS.md, section 4), VL channels a cycle. Two passes share each
// iteration, the second a token behind the first, from image to image as well: one adds up a token, the
// other normalises the token before, whose channels a delay line kept.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "tables.hpp"
#include "trace.hpp"
#include "trees.hpp"
#include "types.hpp"
#include "vectors.hpp"

namespace qnas {

constexpr int MOST_PARAMETERS = plan::MAX_EMBED_DIM + 1;
constexpr int FEWEST_VECTORS = plan::MIN_RESIDUAL_VECTORS;
constexpr int MOST_VECTORS = plan::RESIDUAL_STRIDE * (plan::BATCH * plan::TOKENS + 1);

struct NormScalars {
    shift_t shift;
    ap_uint<32> epsilon;
};

// (y - mean) / deviation of one token is round((D * x - total) * r / 2**shift).
struct TokenScale {
    ap_int<27> total;
    ap_int<18> r;
    shift_t shift;
};

// 1 / sqrt(value) ~ r * 2**-(31 + e): a table entry and one Newton step.
inline TokenScale reciprocal_sqrt(ap_uint<52> value) {
#pragma HLS INLINE
#pragma HLS BIND_STORAGE variable=RSQRT_TABLE type=rom_1p impl=bram
    const ap_uint<6> length = bit_length<52>(value);
    const bool wide = length > 32;
    const ap_uint<6> by = (wide ? ap_uint<6>(length - 31) : ap_uint<6>(32 - length)) & ap_uint<6>(62);
    const ap_uint<32> m = wide ? ap_uint<32>(value >> by) : ap_uint<32>(ap_uint<32>(value) << by);
    const int e = wide ? int(by) / 2 : -(int(by) / 2);
    const ap_uint<16> r0 = RSQRT_TABLE[int(m >> 24) - 64];
    const ap_uint<34> first = ap_uint<18>(m >> 14) * r0;
#pragma HLS BIND_OP variable=first op=mul impl=dsp
    const ap_uint<17> a = first >> 17;
    const ap_uint<33> second = a * r0;
    const ap_uint<34> correction = (ap_uint<34>(3) << 31) - second;
    const ap_uint<50> last = r0 * correction;
#pragma HLS BIND_OP variable=last op=mul impl=dsp
    TokenScale scale;
    scale.r = ap_int<18>(last >> 32);
    scale.shift = shift_t(16 + e);
    scale.total = 0;
    return scale;
}

inline NormScalars load_norm_parameters(const Stage& stage, WordStream& words,
                                        NormParamMemory& norm_param) {
#pragma HLS INLINE off
    constexpr int per_word = plan::STREAM_BITS / 64, banks = plan::NORM_PARAM_BANKS;
    constexpr int parts = banks / per_word;
    NormScalars scalars;
    QNAS_ENTER(trace::PARAMETERS);
parameters:
    for (int i = 0; i < 1 + (stage.rows + per_word - 1) / per_word; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=1 max=MOST_PARAMETERS
        QNAS_COUNT(trace::PARAMETERS);
        const word_t word = words.read();
        if (i == 0) {
            scalars.shift = shift_t(word.range(5, 0));
            scalars.epsilon = ap_uint<32>(word.range(39, 8));
            continue;
        }
        const int part = (i - 1) % parts;
        for (int bank = 0; bank < banks; ++bank) {
#pragma HLS UNROLL
            if (bank / per_word == part)
                norm_param[(i - 1) / parts][bank] = ap_uint<54>(field<64>(word, bank % per_word));
        }
    }
    return scalars;
}

inline TokenScale token_scale_of(int channels, ap_int<27> total, ap_int<41> squares,
                                 ap_uint<32> epsilon) {
#pragma HLS INLINE
    const ap_int<52> spread = squares * ap_int<11>(channels);
    const ap_int<54> mean = total * total;
    const ap_uint<52> variance = ap_uint<52>(spread - mean + epsilon);
    TokenScale scale = reciprocal_sqrt(variance);
    scale.total = total;
    return scale;
}

inline act_t normalised(int channels, residual_t x, const TokenScale& scale, ap_uint<54> param,
                        shift_t shift) {
#pragma HLS INLINE
    const ap_int<27> scaled_x = ap_int<11>(channels) * x;
    const ap_int<27> centred = scaled_x - scale.total;
    const ap_int<45> product = centred * scale.r;
#pragma HLS BIND_OP variable=product op=mul impl=dsp
    const ap_int<21> y =
        saturate<21, 45>(round_shift<45>(product, scale.shift), -1048576, 1048575);
    const ap_int<18> gain = ap_int<18>(ap_uint<18>(param.range(17, 0)));
    const ap_int<36> bias = ap_int<36>(ap_uint<36>(param.range(53, 18)));
    const ap_int<39> gained = y * gain;
    const ap_int<40> sum = gained + bias;
    return saturate<plan::ACT_BITS, 40>(round_shift<40>(sum, shift), -plan::ACT_MAX,
                                          plan::ACT_MAX);
}

// All tokens of all images through both passes, the second a token behind the first.
inline void normalise_tokens(const Stage& stage, const NormScalars& scalars,
                             const ResidualMemory& residual, const NormParamMemory& norm_param,
                             ResidualDelayMemory& delay, ActMemory& act) {
#pragma HLS INLINE off
    constexpr int parts = plan::TK / plan::VL, row_parts = plan::RESIDUAL_BANKS / plan::VL;
    constexpr int param_parts = plan::NORM_PARAM_BANKS / plan::VL;
    const VectorWalk walk = {stage.tokens, vectors_of(stage.rows),
                             plan::RESIDUAL_STRIDE, plan::RESIDUAL_IMAGE_ROWS,
                             stage.dst_stride, plan::ACT_IMAGE_ROWS};
    VectorCursor at = first_vector(0, stage.dst_base);
    int out_bank = 0, out_row = stage.dst_base;  // of the token before
    ap_int<27> total = 0;
    ap_int<41> squares = 0;
    TokenScale scale = {0, 0, 1};
    QNAS_ENTER(trace::NORMALISE);
normalise:
    for (int i = 0; i < stage.steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_VECTORS max=MOST_VECTORS
        QNAS_COUNT(trace::NORMALISE);
        const bool first = at.v == 0, last = at.v == walk.vectors - 1;
        const bool adding = at.image < plan::BATCH, normalising = at.image > 0 || at.token > 0;
        const int row = adding ? at.row + at.v / row_parts : 0;
        residual_t banks[plan::RESIDUAL_BANKS], turned[plan::RESIDUAL_BANKS];
        residual_t fresh[plan::VL], before[plan::VL];
        ap_int<27> addend[plan::VL];
        ap_int<41> square[plan::VL];
        act_t value[plan::TK];  // of the vector, again and again
        bool taken[plan::TK];
#pragma HLS ARRAY_PARTITION variable=banks complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
#pragma HLS ARRAY_PARTITION variable=taken complete dim=1
#pragma HLS ARRAY_PARTITION variable=fresh complete dim=1
#pragma HLS ARRAY_PARTITION variable=before complete dim=1
#pragma HLS ARRAY_PARTITION variable=addend complete dim=1
#pragma HLS ARRAY_PARTITION variable=square complete dim=1
#pragma HLS ARRAY_PARTITION variable=value complete dim=1
        for (int b = 0; b < plan::RESIDUAL_BANKS; ++b) {
#pragma HLS UNROLL
            banks[b] = residual[row][b];
        }
        rotate<plan::RESIDUAL_BANKS>(banks, at.token + at.v * plan::VL, turned);
        for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
            const bool inside = at.v * plan::VL + lane < stage.rows;
            fresh[lane] = turned[lane];
            before[lane] = delay[at.v][lane];
            delay[at.v][lane] = fresh[lane];
            const residual_t x = inside ? fresh[lane] : residual_t(0);
            addend[lane] = x;
            square[lane] = x * x;
            const ap_uint<54> param =
                norm_param[at.v / param_parts][(at.v % param_parts) * plan::VL + lane];
            const act_t normal =
                normalised(stage.rows, before[lane], scale, param, scalars.shift);
            for (int k = lane; k < plan::TK; k += plan::VL) {
#pragma HLS UNROLL
                value[k] = normal;
                taken[k] = normalising && k / plan::VL == at.v % parts;
            }
        }
        const ap_int<27> sum = tree_sum<plan::VL>(addend);
        const ap_int<41> sum_of_squares = tree_sum<plan::VL>(square);
        total = first ? sum : ap_int<27>(total + sum);
        squares = first ? sum_of_squares : ap_int<41>(squares + sum_of_squares);
        store_token(out_row + at.v / parts, out_bank, value, taken, act);
        if (last) {
            if (adding) scale = token_scale_of(stage.rows, total, squares, scalars.epsilon);
            out_bank = at.bank;
            out_row = at.out_row;
        }
        next_vector(walk, at);
    }
}

inline void layer_norm(const Stage& stage, WordStream& words, const ResidualMemory& residual,
                       NormParamMemory& norm_param, ResidualDelayMemory& delay, ActMemory& act) {
#pragma HLS INLINE off
    const NormScalars scalars = load_norm_parameters(stage, words, norm_param);
    normalise_tokens(stage, scalars, residual, norm_param, delay, act);
}

}  // namespace qnas
