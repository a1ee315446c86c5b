// The multiplier array: TM row slots x TT tokens x TK inputs a cycle, output-stationary.
//
// Packed DSPs make four products each, of 2 row slots x 2 tokens. With a = w1 * 2**22 + w0 (27 bits)
// and b = x1 * 2**11 + x0 (18 bits),
//
//     a * b = w1 x1 * 2**33 + w1 x0 * 2**22 + w0 x1 * 2**11 + w0 x0,
//
// and four of them are summed down the cascade (48 bits) before the fields are split. Each field
// is a sum of at most four products of -8..7 and -31..31: 4 * 8 * 31 = 992 <= 1023, it fits 11 bits
// signed. A fifth product, or an activation of -32, would not. A field f below 0 takes one from
// the field above: what is read there is one short, -993 or more, and still fits; the sign bit of
// what was read below is added back. (If everything below a field sums to less than 0, then the
// topmost of the fields below was read as negative.)
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

// Products of one field that a cascade sums up. TK is a power of two.
constexpr int CASCADE = plan::TK < 4 ? plan::TK : 4;
static_assert(4 * 8 * 31 < 1 << 10, "four products fit a field of 11 bits");
static_assert(plan::TK % CASCADE == 0, "cascades are full");

// The sums of one cascade, from the four fields of its last DSP.
inline void split_fields(ap_int<48> p, ap_int<11> sum[4]) {
#pragma HLS INLINE
    sum[0] = ap_int<11>(p);
    sum[1] = ap_int<11>(p >> 11) + ap_uint<1>(p[10]);
    sum[2] = ap_int<11>(p >> 22) + ap_uint<1>(p[21]);
    sum[3] = ap_int<11>(p >> 33) + ap_uint<1>(p[32]);
}

// sum[0] = w0 . x0, sum[1] = w0 . x1, sum[2] = w1 . x0, sum[3] = w1 . x1
inline void dot_packed(const nibble_t w0[plan::TK], const nibble_t w1[plan::TK],
                       const act_t x0[plan::TK], const act_t x1[plan::TK], adder_t sum[4]) {
#pragma HLS INLINE
    for (int first = 0; first < plan::TK; first += CASCADE) {
#pragma HLS UNROLL
        ap_int<48> p = 0;
        for (int k = first; k < first + CASCADE; ++k) {
#pragma HLS UNROLL
            const ap_int<27> a = (ap_int<27>(w1[k]) << 22) + w0[k];
            const ap_int<18> b = (ap_int<18>(x1[k]) << 11) + x0[k];
            const ap_int<45> product = a * b;
#pragma HLS BIND_OP variable=product op=mul impl=dsp
            p += product;
        }
        ap_int<11> fields[4];
#pragma HLS ARRAY_PARTITION variable=fields complete dim=1
        split_fields(p, fields);
        for (int f = 0; f < 4; ++f) {
#pragma HLS UNROLL
            sum[f] = adder_t((first == 0 ? 0 : sum[f]) + fields[f]);
        }
    }
}

// Two row slots from `m` on, all tokens. With an odd TT the last block makes one token twice.
inline void multiply_packed(const nibble_t weight[plan::TM][plan::TK],
                            const act_t act[plan::TT][plan::TK], int m, bool first,
                            Accumulators& acc) {
#pragma HLS INLINE
    for (int j = 0; j < plan::TT; j += 2) {
#pragma HLS UNROLL
        const int other = j + 1 < plan::TT ? j + 1 : j;
        adder_t sum[4];
#pragma HLS ARRAY_PARTITION variable=sum complete dim=1
        dot_packed(weight[m], weight[m + 1], act[j], act[other], sum);
        for (int f = 0; f < 4; ++f) {
#pragma HLS UNROLL
            const int slot = m + f / 2, token = f % 2 == 0 ? j : other;
            if (f % 2 == 1 && other == j) continue;
            const acc_t before = first ? acc_t(0) : acc[slot][token];
            acc[slot][token] = before + sum[f];
        }
    }
}

// One row slot, all tokens, a multiplier for each product.
inline void multiply_plain(const nibble_t weight[plan::TK], const act_t act[plan::TT][plan::TK],
                           bool in_dsp, bool first, acc_t acc[plan::TT]) {
#pragma HLS INLINE
    for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
        const beat_sum_t sum = in_dsp ? dot_dsp(weight, act[j]) : dot_lut(weight, act[j]);
        const acc_t before = first ? acc_t(0) : acc[j];
        acc[j] = before + sum;
    }
}

// acc += weight x act, from zero on the first beat. The last LUT_SLOTS row slots are built from
// LUTs, the others from DSPs. QNAS_PLAIN_MAC, for simulation alone, makes all products one by one.
inline void multiply_accumulate(const nibble_t weight[plan::TM][plan::TK],
                                const act_t act[plan::TT][plan::TK], bool first,
                                Accumulators& acc) {
#pragma HLS INLINE
#ifdef QNAS_PLAIN_MAC
    constexpr bool packed = false;
#else
    constexpr bool packed = plan::PACKED;
#endif
    constexpr int dsp_slots = plan::TM - plan::LUT_SLOTS;
    for (int m = 0; m < plan::TM; ++m) {
#pragma HLS UNROLL
        if (!packed || m >= dsp_slots)
            multiply_plain(weight[m], act, m < dsp_slots, first, acc[m]);
        else if (m % 2 == 0)
            multiply_packed(weight, act, m, first, acc);
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
