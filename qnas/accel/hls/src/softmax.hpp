// Softmax in integers (NUMERICS.md, section 5): exponentials of base 2 from a table; the sum of a
// row is divided out later, in the requantization of P.V, by one (mult, shift) a query.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "tables.hpp"
#include "trace.hpp"
#include "types.hpp"

namespace qnas {

constexpr int ALL_QUERIES = plan::TOKENS;

struct SoftmaxScalars {
    mult_t mult, out_mult;
    shift_t shift, out_shift;
};

inline SoftmaxScalars load_softmax_parameters(WordStream& words) {
#pragma HLS INLINE
    QNAS_ENTER(trace::PARAMETERS);
    QNAS_COUNT(trace::PARAMETERS);
    const word_t word = words.read();
    SoftmaxScalars scalars;
    scalars.mult = mult_t(ap_uint<18>(word.range(17, 0)));
    scalars.shift = shift_t(word.range(23, 18));
    scalars.out_mult = mult_t(ap_uint<18>(word.range(41, 24)));
    scalars.out_shift = shift_t(word.range(47, 42));
    return scalars;
}

inline score_t row_maximum(const Stage& stage, int row, int bank, const ScoreMemory& score) {
#pragma HLS INLINE off
    score_t largest = score[row][bank][0];
    QNAS_ENTER(trace::MAXIMUM);
maximum:
    for (int v = 0; v < plan::SCORE_STRIDE; ++v) {
#pragma HLS PIPELINE II=1
        QNAS_COUNT(trace::MAXIMUM);
        for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
            const score_t value = score[row + v][bank][lane];
            if (v * plan::VL + lane < stage.inner && value > largest) largest = value;
        }
    }
    return largest;
}

// 119 * 2**(-distance * mult / 2**(shift + 8)), rounded.
inline pair_t exponential(ap_int<plan::SCORE_BITS + 1> distance, const SoftmaxScalars& scalars) {
#pragma HLS INLINE
#pragma HLS BIND_STORAGE variable=EXP_TABLE type=rom_np impl=bram
    constexpr int width = plan::SCORE_BITS + 19;
    const ap_int<width> scaled = distance * scalars.mult;
#pragma HLS BIND_OP variable=scaled op=mul impl=dsp
    const ap_int<width> z = round_shift<width>(scaled, scalars.shift);
    const ap_int<width> octaves = z >> 8;
    const int octave = octaves > 15 ? 15 : int(octaves);
    const ap_int<16> entry = EXP_TABLE[ap_uint<8>(z)];
    return pair_t(round_shift<16>(entry, shift_t(8 + octave)));
}

// One row of exponentials to probability memory; returns their sum.
inline ap_uint<16> row_exponentials(const Stage& stage, int row, int bank, int out_row,
                                    score_t largest, const SoftmaxScalars& scalars,
                                    const ScoreMemory& score, ProbMemory& prob) {
#pragma HLS INLINE off
    constexpr int parts = plan::TK / plan::VL;
    ap_uint<16> total = 0;
    QNAS_ENTER(trace::EXPONENTIALS);
exponentials:
    for (int v = 0; v < plan::SCORE_STRIDE; ++v) {
#pragma HLS PIPELINE II=1
        QNAS_COUNT(trace::EXPONENTIALS);
        pair_t values[plan::VL];
#pragma HLS ARRAY_PARTITION variable=values complete dim=1
        for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
            const bool inside = v * plan::VL + lane < stage.inner;
            const ap_int<plan::SCORE_BITS + 1> distance = largest - score[row + v][bank][lane];
            values[lane] = 0;
            if (inside) values[lane] = exponential(distance, scalars);
            total += ap_uint<7>(values[lane]);
        }
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            if (k / plan::VL == v % parts) prob[out_row + v / parts][k] = values[k % plan::VL];
        }
    }
    return total;
}

// (mult / 2**shift) / total as a multiplier and a shift again.
inline ap_uint<24> row_scale(ap_uint<16> total, const SoftmaxScalars& scalars) {
#pragma HLS INLINE off
    const int n = 16 - bit_length<16>(total);
    const ap_uint<32> dividend = ap_uint<32>(scalars.out_mult) << 15;
    const ap_uint<16> divisor = total << n;
    const ap_uint<18> quotient = ap_uint<18>(dividend / divisor);
    const shift_t shift = shift_t(scalars.out_shift + 15 - n);
    return (ap_uint<24>(shift) << 18) | ap_uint<24>(quotient);
}

inline void softmax(const Stage& stage, WordStream& words, const ScoreMemory& score,
                    ProbMemory& prob, QueryScaleMemory& query_scale) {
#pragma HLS INLINE off
    const SoftmaxScalars scalars = load_softmax_parameters(words);
    int bank = 0, row = 0, out_row = 0;
queries:
    for (int query = 0; query < stage.tokens; ++query) {
#pragma HLS LOOP_TRIPCOUNT min=ALL_QUERIES max=ALL_QUERIES
        const score_t largest = row_maximum(stage, row, bank, score);
        const ap_uint<16> total = row_exponentials(stage, row, bank, out_row, largest, scalars,
                                                   score, prob);
        query_scale[query] = row_scale(total, scalars);
        out_row += plan::PROB_STRIDE;
        if (++bank == plan::TT) {
            bank = 0;
            row += plan::SCORE_STRIDE;
        }
    }
}

}  // namespace qnas
