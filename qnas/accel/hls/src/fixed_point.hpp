// Rounding, saturation, requantization (NUMERICS.md, section 2).
#pragma once
#include "types.hpp"

namespace qnas {

// value / 2**shift, rounded half up; shift >= 1. From a shift of W on the result is 0, which keeps
// the adder at W + 1 bits.
template <int W>
ap_int<W> round_shift(ap_int<W> value, shift_t shift) {
#pragma HLS INLINE
    const ap_int<W + 1> half = ap_int<W + 1>(1) << shift_t(shift - 1);
    const ap_int<W + 1> sum = value + half;
    return shift >= W ? ap_int<W>(0) : ap_int<W>(sum >> shift);
}

template <int OUT, int W>
ap_int<OUT> saturate(ap_int<W> value, ap_int<OUT> low, ap_int<OUT> high) {
#pragma HLS INLINE
    if (value < low) return low;
    if (value > high) return high;
    return ap_int<OUT>(value);
}

// acc * mult / 2**shift + bias / 2**8, rounded, not yet saturated. The bias is added behind the
// multiplier: the C port of its DSP. A row with a bias has a shift of 8..29, so 48 bits hold.
inline scaled_t requantize(sum_t acc, mult_t mult, shift_t shift, bias_t bias) {
#pragma HLS INLINE
    const ap_int<45> product = acc * mult;
    const shift_t lift = shift < 8 ? shift_t(0) : shift_t(shift - 8);
    const scaled_t scaled = product + (scaled_t(bias) << lift);
    return round_shift<48>(scaled, shift);
}

// value = 16 * high_nibble + low_nibble, both signed.
inline nibble_t low_nibble(pair_t value) {
#pragma HLS INLINE
    return nibble_t(value);
}
inline nibble_t high_nibble(pair_t value) {
#pragma HLS INLINE
    return nibble_t((value + 8) >> 4);
}

// Bits of a value below 2**63, by halving what may hold its leading one.
template <int W>
ap_uint<6> bit_length(ap_uint<W> value) {
#pragma HLS INLINE
    ap_uint<6> length = 0;
    ap_uint<W> rest = value;
    for (int step = 32; step > 0; step /= 2) {
#pragma HLS UNROLL
        const bool above = step < W && rest >> step != 0;
        length = above ? ap_uint<6>(length + step) : length;
        rest = above ? ap_uint<W>(rest >> step) : rest;
    }
    return length + ap_uint<1>(rest);
}

// Address arithmetic stays out of the DSPs, which the plan counts one by one.
inline int address_product(ap_uint<16> a, ap_uint<16> b) {
#pragma HLS INLINE
    const ap_uint<32> product = a * b;
#pragma HLS BIND_OP variable=product op=mul impl=fabric
    return product;
}

// row / TT and row % TT for row < 4096, by a multiplication (TT need be no power of two).
inline int group_of(int row) {
#pragma HLS INLINE
    constexpr int reciprocal = ((1 << 20) + plan::TT - 1) / plan::TT;
    static_assert(plan::TT < 256, "the reciprocal is exact below 256");
    const ap_uint<33> product = ap_uint<12>(row) * ap_uint<21>(reciprocal);
#pragma HLS BIND_OP variable=product op=mul impl=fabric
    return ap_uint<12>(product >> 20);
}

}  // namespace qnas
