// Softmax in integers (NUMERICS.md, section 5): exponentials of base 2 from a table; the sum of a
// row is divided out later, in the requantization of P.V, by one (mult, shift) a query. Two passes
// run side by side, a query apart: while one seeks the maximum of a query, the other makes the
// exponentials of the query before.
#pragma once
#include "dataflow.hpp"
#include "fixed_point.hpp"
#include "stage.hpp"
#include "tables.hpp"
#include "trace.hpp"
#include "types.hpp"
#include "vectors.hpp"

namespace qnas {

constexpr int ALL_SCORES = plan::TOKENS * plan::SCORE_STRIDE;
constexpr int SCORE_DEPTH = plan::SCORE_STREAM_DEPTH, MAXIMUM_DEPTH = plan::MAXIMUM_STREAM_DEPTH;

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

// All scores, query by query, and the largest of each query.
inline void maxima(const Stage& stage, const ScoreMemory& score, ScoreStream& scores,
                   MaximumStream& maximum_of_query) {
#pragma HLS INLINE off
    VectorCursor at = first_vector(0);
    score_t largest = 0;
    QNAS_ENTER(trace::MAXIMUM);
maximum:
    for (int i = 0; i < stage.steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=ALL_SCORES max=ALL_SCORES
        QNAS_COUNT(trace::MAXIMUM);
        ScoreVector values;
        for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
            values.lane[lane] = score[at.row + at.v][at.bank][lane];
        }
        if (at.v == 0) largest = values.lane[0];
        for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
            const bool inside = at.v * plan::VL + lane < stage.inner;
            if (inside && values.lane[lane] > largest) largest = values.lane[lane];
        }
        scores.write(values);
        if (at.v == plan::SCORE_STRIDE - 1) maximum_of_query.write(largest);
        next_vector(at, plan::SCORE_STRIDE, plan::SCORE_STRIDE, 0);
    }
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

// dividend / divisor below 2**17, a bit of the quotient a step, for divisor > dividend / 2**17.
inline ap_uint<17> divide(ap_uint<32> dividend, ap_uint<16> divisor) {
#pragma HLS INLINE
    ap_uint<17> remainder = ap_uint<17>(dividend >> 17), quotient = 0;
    for (int bit = 16; bit >= 0; --bit) {
#pragma HLS UNROLL
        // The remainder is below the divisor here, twice it and a bit below 2**17.
        remainder = (remainder << 1) | ap_uint<17>(dividend[bit]);
        const bool goes = remainder >= divisor;
        if (goes) remainder = remainder - divisor;
        quotient = (quotient << 1) | ap_uint<17>(goes);
    }
    return quotient;
}

// (mult / 2**shift) / total as a multiplier and a shift again.
inline ap_uint<24> row_scale(ap_uint<16> total, const SoftmaxScalars& scalars) {
#pragma HLS INLINE
    const int n = 16 - bit_length<16>(total);
    const ap_uint<32> dividend = ap_uint<32>(scalars.out_mult) << 15;
    const ap_uint<17> quotient = divide(dividend, total << n);
    const shift_t shift = shift_t(scalars.out_shift + 15 - n);
    return (ap_uint<24>(shift) << 18) | ap_uint<24>(quotient);
}

// Exponentials to probability memory, and for every query the scale that their sum gives.
inline void exponentials_of(const Stage& stage, const SoftmaxScalars& scalars, ScoreStream& scores,
                            MaximumStream& maximum_of_query, ProbMemory& prob,
                            QueryScaleMemory& query_scale) {
#pragma HLS INLINE off
    constexpr int parts = plan::TK / plan::VL;
    VectorCursor at = first_vector(0);
    int out_row = 0;
    ap_uint<16> total = 0;
    score_t largest = 0;
    QNAS_ENTER(trace::EXPONENTIALS);
exponentials:
    for (int i = 0; i < stage.steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=ALL_SCORES max=ALL_SCORES
        QNAS_COUNT(trace::EXPONENTIALS);
        if (at.v == 0) {
            largest = maximum_of_query.read();
            total = 0;
        }
        const ScoreVector vector = scores.read();
        pair_t values[plan::VL];
#pragma HLS ARRAY_PARTITION variable=values complete dim=1
        for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
            const bool inside = at.v * plan::VL + lane < stage.inner;
            const ap_int<plan::SCORE_BITS + 1> distance =
                largest - vector.lane[lane];
            values[lane] = 0;
            if (inside) values[lane] = exponential(distance, scalars);
            total += ap_uint<7>(values[lane]);
        }
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            if (k / plan::VL == at.v % parts)
                prob[out_row + at.v / parts][k] = values[k % plan::VL];
        }
        if (at.v == plan::SCORE_STRIDE - 1) {
            query_scale[at.token / plan::DRAIN_PAIRS][at.token % plan::DRAIN_PAIRS] =
                row_scale(total, scalars);
            out_row += plan::PROB_STRIDE;
        }
        next_vector(at, plan::SCORE_STRIDE, plan::SCORE_STRIDE, 0);
    }
}

inline void softmax_passes(const Stage& stage, const SoftmaxScalars& scalars,
                           const ScoreMemory& score, ProbMemory& prob,
                           QueryScaleMemory& query_scale) {
#pragma HLS INLINE off
#pragma HLS DATAFLOW
    ScoreStream scores("scores");
    MaximumStream maximum_of_query("maximum_of_query");
#pragma HLS STREAM variable=scores depth=SCORE_DEPTH
#pragma HLS STREAM variable=maximum_of_query depth=MAXIMUM_DEPTH
    QNAS_DEPTH(scores, SCORE_DEPTH);
    QNAS_DEPTH(maximum_of_query, MAXIMUM_DEPTH);
    QNAS_PROCESS(maxima(stage, score, scores, maximum_of_query));
    QNAS_PROCESS(
        exponentials_of(stage, scalars, scores, maximum_of_query, prob, query_scale));
    QNAS_JOIN();
}

}  // namespace qnas
