// LayerNorm in integers (NUMERICS.md, section 4), VL channels a cycle. Two passes run side by side,
// a token apart: while one adds up a token, the other normalises the token before.
#pragma once
#include "dataflow.hpp"
#include "fixed_point.hpp"
#include "stage.hpp"
#include "tables.hpp"
#include "trace.hpp"
#include "types.hpp"
#include "vectors.hpp"

namespace qnas {

constexpr int MOST_PARAMETERS = plan::MAX_EMBED_DIM + 1;
constexpr int FEWEST_VECTORS = plan::MIN_RESIDUAL_VECTORS;
constexpr int MOST_VECTORS = plan::RESIDUAL_STRIDE * plan::TOKENS;
constexpr int RESIDUAL_DEPTH = plan::RESIDUAL_STREAM_DEPTH;
constexpr int SCALE_DEPTH = plan::SCALE_STREAM_DEPTH;

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
    const int length = bit_length<52>(value);
    const int e = length > 32 ? (length - 31) / 2 : -((32 - length) / 2);
    const ap_uint<32> m =
        e >= 0 ? ap_uint<32>(value >> (2 * e)) : ap_uint<32>(ap_uint<32>(value) << (-2 * e));
    const ap_uint<16> r0 = RSQRT_TABLE[int(m >> 24) - 64];
    const ap_uint<34> first = ap_uint<18>(m >> 14) * r0;
#pragma HLS BIND_OP variable=first op=mul impl=dsp
    const ap_uint<17> a = first >> 17;
    const ap_uint<33> second = a * r0;
#pragma HLS BIND_OP variable=second op=mul impl=dsp
    const ap_uint<34> correction = (ap_uint<34>(3) << 31) - second;
    const ap_uint<50> last = r0 * correction;
#pragma HLS BIND_OP variable=last op=mul impl=dsp
    TokenScale scale;
    scale.r = ap_int<18>(last >> 32);
    scale.shift = shift_t(31 + e - 15);
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

inline ap_uint<51> packed(const TokenScale& scale) {
#pragma HLS INLINE
    const ap_uint<51> total = ap_uint<27>(scale.total), r = ap_uint<18>(scale.r);
    return total | (r << 27) | (ap_uint<51>(scale.shift) << 45);
}

inline TokenScale unpacked(ap_uint<51> bits) {
#pragma HLS INLINE
    TokenScale scale;
    scale.total = ap_int<27>(ap_uint<27>(bits.range(26, 0)));
    scale.r = ap_int<18>(ap_uint<18>(bits.range(44, 27)));
    scale.shift = shift_t(bits.range(50, 45));
    return scale;
}

inline TokenScale token_scale_of(int channels, ap_int<27> total, ap_int<41> squares,
                                 ap_uint<32> epsilon) {
#pragma HLS INLINE
    const ap_int<52> spread = squares * ap_int<11>(channels);
#pragma HLS BIND_OP variable=spread op=mul impl=dsp
    const ap_int<54> mean = total * total;
#pragma HLS BIND_OP variable=mean op=mul impl=dsp
    const ap_uint<52> variance = ap_uint<52>(spread - mean + epsilon);
    TokenScale scale = reciprocal_sqrt(variance);
    scale.total = total;
    return scale;
}

// All channels, token by token, and of each token its sum and the scale of what deviates from it.
inline void token_statistics(const Stage& stage, ap_uint<32> epsilon,
                             const ResidualMemory& residual, ResidualStream& channels,
                             ScaleStream& scales) {
#pragma HLS INLINE off
    const int vectors = vectors_of(stage.rows);
    VectorCursor at = first_vector(0);
    ap_int<27> total = 0;
    ap_int<41> squares = 0;
    QNAS_ENTER(trace::STATISTICS);
statistics:
    for (int i = 0; i < stage.steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_VECTORS max=MOST_VECTORS
        QNAS_COUNT(trace::STATISTICS);
        if (at.v == 0) {
            total = 0;
            squares = 0;
        }
        ResidualVector values;
        for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
            const residual_t x = residual[at.row + at.v][at.bank][lane];
            values.lane[lane] = x;
            if (at.v * plan::VL + lane < stage.rows) {
                const ap_int<32> square = x * x;
#pragma HLS BIND_OP variable=square op=mul impl=dsp
                total += x;
                squares += square;
            }
        }
        channels.write(values);
        if (at.v == vectors - 1)
            scales.write(packed(token_scale_of(stage.rows, total, squares, epsilon)));
        next_vector(at, vectors, plan::RESIDUAL_STRIDE, 0);
    }
}

inline act_t normalised(int channels, residual_t x, const TokenScale& scale, ap_uint<54> param,
                        shift_t shift) {
#pragma HLS INLINE
    const ap_int<27> scaled_x = ap_int<11>(channels) * x;
#pragma HLS BIND_OP variable=scaled_x op=mul impl=dsp
    const ap_int<27> centred = scaled_x - scale.total;
    const ap_int<45> product = centred * scale.r;
#pragma HLS BIND_OP variable=product op=mul impl=dsp
    const ap_int<21> y =
        saturate<21, 45>(round_shift<45>(product, scale.shift), -1048576, 1048575);
    const ap_int<18> gain = ap_int<18>(ap_uint<18>(param.range(17, 0)));
    const ap_int<36> bias = ap_int<36>(ap_uint<36>(param.range(53, 18)));
    const ap_int<39> gained = y * gain;
#pragma HLS BIND_OP variable=gained op=mul impl=dsp
    const ap_int<40> sum = gained + bias;
    return saturate<plan::ACT_BITS, 40>(round_shift<40>(sum, shift), -plan::ACT_MAX,
                                          plan::ACT_MAX);
}

inline void normalise_tokens(const Stage& stage, shift_t shift, ResidualStream& channels,
                             ScaleStream& scales, const NormParamMemory& norm_param,
                             ActMemory& act) {
#pragma HLS INLINE off
    constexpr int parts = plan::TK / plan::VL;
    constexpr int param_parts = plan::NORM_PARAM_BANKS / plan::VL;
    const int vectors = vectors_of(stage.rows);
    VectorCursor at = first_vector(stage.dst_base);
    TokenScale scale = unpacked(0);
    QNAS_ENTER(trace::NORMALISE);
normalise:
    for (int i = 0; i < stage.steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_VECTORS max=MOST_VECTORS
        QNAS_COUNT(trace::NORMALISE);
        if (at.v == 0) scale = unpacked(scales.read());
        const ResidualVector vector = channels.read();
        act_t values[plan::VL];
#pragma HLS ARRAY_PARTITION variable=values complete dim=1
        for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
            const ap_uint<54> param =
                norm_param[at.v / param_parts][(at.v % param_parts) * plan::VL + lane];
            values[lane] = normalised(stage.rows, vector.lane[lane], scale, param, shift);
        }
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            if (k / plan::VL == at.v % parts)
                act[at.out_row + at.v / parts][at.bank][k] = values[k % plan::VL];
        }
        next_vector(at, vectors, plan::RESIDUAL_STRIDE, stage.dst_stride);
    }
}

inline void norm_passes(const Stage& stage, const NormScalars& scalars,
                        const ResidualMemory& residual, const NormParamMemory& norm_param,
                        ActMemory& act) {
#pragma HLS INLINE off
#pragma HLS DATAFLOW
    ResidualStream channels("channels");
    ScaleStream scales("scales");
#pragma HLS STREAM variable=channels depth=RESIDUAL_DEPTH
#pragma HLS STREAM variable=scales depth=SCALE_DEPTH
    QNAS_DEPTH(channels, RESIDUAL_DEPTH);
    QNAS_DEPTH(scales, SCALE_DEPTH);
    QNAS_PROCESS(token_statistics(stage, scalars.epsilon, residual, channels, scales));
    QNAS_PROCESS(normalise_tokens(stage, scalars.shift, channels, scales, norm_param, act));
    QNAS_JOIN();
}

inline void layer_norm(const Stage& stage, WordStream& words, const ResidualMemory& residual,
                       NormParamMemory& norm_param, ActMemory& act) {
#pragma HLS INLINE off
    const NormScalars scalars = load_norm_parameters(stage, words, norm_param);
    norm_passes(stage, scalars, residual, norm_param, act);
}

}  // namespace qnas
