// Softmax in integers (NUMERICS.md, section 5): exponentials of base 2 from a table; the sum of a
// row is divided out later, in the requantization of P.V, by one (mult, shift) a query.
//
// Two passes share each iteration, the second a query behind the first, from image to image as well:
// one seeks the maximum of a query, VL scores a step, the other makes the exponentials of the query
// before, whose scores a delay line kept. The engine's loop makes these steps (gemm.hpp), beside
// products of the array or alone.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "tables.hpp"
#include "trace.hpp"
#include "trees.hpp"
#include "types.hpp"
#include "vectors.hpp"

namespace qnas {

struct SoftmaxScalars {
    mult_t mult, out_mult;
    shift_t shift, out_shift;
};

// Where the softmax of a head stands.
struct Softmax {
    bool running;
    SoftmaxScalars scalars;
    VectorCursor at;         // vector whose maximum is sought; the other pass has that of a query less
    int query;               // of the second pass, and where the probabilities of its group begin
    int out_row;
    int first_out_row;       // of the image of the second pass: its probabilities, its scales
    int first_scale_row;
    score_t largest;         // so far, of the query at `at`
    score_t largest_before;  // of the query before it
    ap_uint<16> total;       // of exponentials so far
};

inline SoftmaxScalars load_softmax_parameters(WordStream& words) {
#pragma HLS INLINE
    QNAS_ENTER(trace::SCALARS);
    QNAS_COUNT(trace::SCALARS);
    const word_t word = words.read();
    SoftmaxScalars scalars;
    scalars.mult = mult_t(ap_uint<18>(word.range(17, 0)));
    scalars.shift = shift_t(word.range(23, 18));
    scalars.out_mult = mult_t(ap_uint<18>(word.range(41, 24)));
    scalars.out_shift = shift_t(word.range(47, 42));
    return scalars;
}

// Before the first query of `stage`, or nothing to do. Its parameters come before the products' words.
inline Softmax first_query(const Stage& stage, bool running, WordStream& words) {
#pragma HLS INLINE
    Softmax now;
    now.running = running;
    now.scalars.mult = 0;
    now.scalars.out_mult = 0;
    now.scalars.shift = 1;
    now.scalars.out_shift = 1;
    if (running) now.scalars = load_softmax_parameters(words);
    now.at = first_vector(half_base<plan::SCORE_ROWS>(stage.half), 0);
    now.query = -1;
    now.out_row = now.first_out_row = half_base<plan::PROB_ROWS>(stage.half);
    now.first_scale_row = half_base<plan::QUERY_SCALE_ROWS>(stage.half);
    now.largest = 0;
    now.largest_before = 0;
    now.total = 0;
    return now;
}

// 119 * 2**(-distance * mult / 2**(shift + 8)), rounded.
inline pair_t exponential(ap_int<plan::SCORE_BITS + 1> distance, const SoftmaxScalars& scalars) {
#pragma HLS INLINE
#pragma HLS BIND_STORAGE variable=EXP_TABLE type=rom_np impl=bram
    constexpr int width = plan::SCORE_BITS + 19;
    const ap_int<width> scaled = distance * scalars.mult;
    const ap_int<width> z = round_shift<width>(scaled, scalars.shift);
    const ap_int<width> octaves = z >> 8;
    const ap_uint<4> octave = octaves > 15 ? ap_uint<4>(15) : ap_uint<4>(octaves);
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
        remainder = goes ? ap_uint<17>(remainder - divisor) : remainder;
        quotient = (quotient << 1) | ap_uint<17>(goes);
    }
    return quotient;
}

// (mult / 2**shift) / total as a multiplier and a shift again.
inline ap_uint<24> row_scale(ap_uint<16> total, const SoftmaxScalars& scalars) {
#pragma HLS INLINE
    const ap_uint<5> n = 16 - bit_length<16>(total);
    const ap_uint<32> dividend = ap_uint<32>(scalars.out_mult) << 15;
    const ap_uint<17> quotient = divide(dividend, total << n);
    const shift_t shift = shift_t(scalars.out_shift + 15 - n);
    return (ap_uint<24>(shift) << 18) | ap_uint<24>(quotient);
}

inline void store_query_scale(int first_row, int query, ap_uint<24> scale,
                              QueryScaleMemory& query_scale) {
#pragma HLS INLINE
    constexpr int banks = plan::DRAIN_PAIRS;
    const int row = first_row + query / banks;
    for (int bank = 0; bank < banks; ++bank) {
#pragma HLS UNROLL
        if (bank == query % banks) query_scale[row][bank] = scale;
    }
}

// One vector of either pass.
inline void softmax_step(const Stage& stage, Softmax& now, const ScoreMemory& score,
                         ScoreDelayMemory& delay, ProbMemory& prob,
                         QueryScaleMemory& query_scale) {
#pragma HLS INLINE
    constexpr int parts = plan::TK / plan::VL, row_parts = plan::SCORE_BANKS / plan::VL;
    constexpr int together = plan::SCORE_PAIRS;
    const int v = now.at.v;
    const bool first = v == 0, last = v == plan::SCORE_VECTORS - 1;
    const bool seeking = now.at.image < plan::BATCH, making = now.query >= 0;
    const int own_half = half_base<plan::SCORE_ROWS>(stage.half);
    const int row = seeking ? now.at.row + v / row_parts : own_half;
    score_t banks[plan::SCORE_BANKS], turned[plan::SCORE_BANKS];
    score_t fresh[plan::VL], before[plan::VL], candidate[plan::VL];
    pair_t value[plan::VL];
    ap_uint<16> addend[plan::VL];
#pragma HLS ARRAY_PARTITION variable=banks complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
#pragma HLS ARRAY_PARTITION variable=fresh complete dim=1
#pragma HLS ARRAY_PARTITION variable=before complete dim=1
#pragma HLS ARRAY_PARTITION variable=candidate complete dim=1
#pragma HLS ARRAY_PARTITION variable=value complete dim=1
#pragma HLS ARRAY_PARTITION variable=addend complete dim=1
    for (int b = 0; b < plan::SCORE_BANKS; ++b) {
#pragma HLS UNROLL
        banks[b] = score[row][b];
    }
    rotate_groups<plan::SCORE_BANKS, together>(banks, now.at.token + v * (plan::VL / together),
                                               turned);
    for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
        const bool inside = v * plan::VL + lane < stage.inner;
        const score_t lowest = score_t(1) << (plan::SCORE_BITS - 1);
        fresh[lane] = turned[lane];
        before[lane] = delay[v][lane];
        delay[v][lane] = fresh[lane];
        candidate[lane] = inside ? fresh[lane] : lowest;
        const ap_int<plan::SCORE_BITS + 1> distance = now.largest_before - before[lane];
        value[lane] = 0;
        if (inside && making) value[lane] = exponential(distance, now.scalars);
        addend[lane] = ap_uint<16>(value[lane]);
    }
    const score_t tree = tree_maximum<plan::VL>(candidate);
    now.largest = first || tree > now.largest ? tree : now.largest;
    const ap_uint<16> sum = tree_sum<plan::VL>(addend);
    now.total = first ? sum : ap_uint<16>(now.total + sum);
    const int member = now.query & (plan::LOAD_PAIRS - 1);
    for (int p = 0; p < plan::LOAD_PAIRS; ++p) {
#pragma HLS UNROLL
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            if (making && p == member && k / plan::VL == v % parts)
                prob[now.out_row + v / parts][p][k] = value[k % plan::VL];
        }
    }
    if (making && last)
        store_query_scale(now.first_scale_row, now.query, row_scale(now.total, now.scalars),
                          query_scale);
    if (last) {
        const bool last_query = now.query == stage.tokens - 1;
        now.largest_before = now.largest;
        if (last_query) {
            now.first_out_row += plan::PROB_IMAGE_ROWS;
            now.first_scale_row += plan::QUERY_SCALE_IMAGE_ROWS;
            now.out_row = now.first_out_row;
        } else if (making && member == plan::LOAD_PAIRS - 1) {
            now.out_row += plan::PROB_STRIDE;
        }
        now.query = last_query ? 0 : now.query + 1;
        now.running = seeking;
    }
    const VectorWalk walk = {stage.tokens, plan::SCORE_VECTORS,
                             plan::SCORE_STRIDE, plan::SCORE_IMAGE_ROWS, 0, 0};
    next_vector(walk, now.at);
}

}  // namespace qnas
