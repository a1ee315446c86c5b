// The multiplier array: TM row slots x TT tokens x TK inputs a cycle, output-stationary.
#pragma once
#include "types.hpp"

namespace qnas {

// One beat's sum of one accumulator: |nibble| <= 8 times |activation| <= 32, TK times.
constexpr int bits_of(int value) { return value == 0 ? 0 : 1 + bits_of(value / 2); }
typedef ap_int<bits_of(8 * 32 * plan::TK) + 1> beat_sum_t;

// What a beat is added up in: 16 bits where they hold, which processors simulate faster.
template <bool SHORT>
struct BeatAdder {
    typedef short type;
};
template <>
struct BeatAdder<false> {
    typedef int type;
};
typedef BeatAdder<(8 * 32 * plan::TK < 32768)>::type adder_t;

inline beat_sum_t dot_dsp(const nibble_t weight[plan::TK], const act_t act[plan::TK]) {
#pragma HLS INLINE
    adder_t sum = 0;
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const product_t product = weight[k] * act[k];
#pragma HLS BIND_OP variable=product op=mul impl=dsp
        sum += product;
    }
    return sum;
}

inline beat_sum_t dot_lut(const nibble_t weight[plan::TK], const act_t act[plan::TK]) {
#pragma HLS INLINE
    adder_t sum = 0;
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const product_t product = weight[k] * act[k];
#pragma HLS BIND_OP variable=product op=mul impl=fabric
        sum += product;
    }
    return sum;
}

// acc += weight x act, from zero on the first beat. The last LUT_SLOTS row slots are built from
// LUTs, the others from DSPs.
inline void multiply_accumulate(const nibble_t weight[plan::TM][plan::TK],
                                const act_t act[plan::TT][plan::TK], bool first,
                                Accumulators& acc) {
#pragma HLS INLINE
    for (int m = 0; m < plan::TM; ++m) {
#pragma HLS UNROLL
        for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
            const beat_sum_t sum = m < plan::TM - plan::LUT_SLOTS ? dot_dsp(weight[m], act[j])
                                                                  : dot_lut(weight[m], act[j]);
            const acc_t before = first ? acc_t(0) : acc[m][j];
            acc[m][j] = before + sum;
        }
    }
}

inline void copy_accumulators(const Accumulators& acc, Accumulators& drain) {
#pragma HLS INLINE
    for (int m = 0; m < plan::TM; ++m) {
#pragma HLS UNROLL
        for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
            drain[m][j] = acc[m][j];
        }
    }
}

}  // namespace qnas
