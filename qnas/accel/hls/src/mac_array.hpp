// The multiplier array: TM row slots x TT tokens x TK inputs a cycle, output-stationary.
//
// A packed DSP multiplies two nibbles w by DSP_TOKENS activations x, in fields of F = FIELD_BITS bits.
// With two tokens, a = w1 * 2**2F + w0 and b = x1 * 2**F + x0,
//
//     a * b = w1 x1 * 2**3F + w1 x0 * 2**2F + w0 x1 * 2**F + w0 x0,
//
// with one, a = w1 * 2**F + w0 and b = x0. CASCADE of them are summed down the cascade (48 bits)
// before the fields are split. On a DSP48E2 (27 x 18 bits) two activations of 6 bits lie 11 apart:
// a field is a sum of four products of -8..7 and -31..31, and 4 * 8 * 31 = 992 <= 1023; a fifth, or
// an activation of -32, would not fit. Two activations of 8 bits would have to lie 12 apart, which
// 18 bits do not hold, so one is multiplied, in fields of 22. A field below 0 takes one from the
// field above: what is read there is one short, -993 or more, and still fits; the sign bit of what
// was read below is added back. (If everything below a field sums to less than 0, then the topmost
// of the fields below was read as negative.)
#pragma once
#ifdef QNAS_DSP_BUILTINS
#include <hls_dsp_builtins.h>
#endif

#include "trace.hpp"
#include "trees.hpp"
#include "types.hpp"

namespace qnas {

// One beat's sum of one accumulator: |nibble| <= 8 times an activation, TK times.
constexpr int bits_of(int value) { return value == 0 ? 0 : 1 + bits_of(value / 2); }
constexpr int LARGEST_SUM = 8 * (plan::ACT_MAX + 1) * plan::TK;
typedef ap_int<bits_of(LARGEST_SUM) + 1> beat_sum_t;

// What a beat is added up in: 16 bits where they hold, which processors simulate faster.
template <bool SHORT>
struct BeatAdder {
    typedef short type;
};
template <>
struct BeatAdder<false> {
    typedef int type;
};
typedef BeatAdder<(LARGEST_SUM < 32768)>::type adder_t;

inline beat_sum_t dot_dsp(const nibble_t weight[plan::TK], const act_t act[plan::TK]) {
#pragma HLS INLINE
    adder_t addend[plan::TK];
#pragma HLS ARRAY_PARTITION variable=addend complete dim=1
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const product_t product = weight[k] * act[k];
#pragma HLS BIND_OP variable=product op=mul impl=dsp
        addend[k] = product;
    }
    return tree_sum<plan::TK>(addend);
}

inline beat_sum_t dot_lut(const nibble_t weight[plan::TK], const act_t act[plan::TK]) {
#pragma HLS INLINE
    adder_t addend[plan::TK];
#pragma HLS ARRAY_PARTITION variable=addend complete dim=1
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const product_t product = weight[k] * act[k];
#pragma HLS BIND_OP variable=product op=mul impl=fabric
        addend[k] = product;
    }
    return tree_sum<plan::TK>(addend);
}

constexpr bool CAN_PACK = plan::DSP_ROWS == 2;
constexpr int FIELDS = plan::DSP_ROWS * plan::DSP_TOKENS;
constexpr int FIELD_BITS = CAN_PACK ? plan::FIELD_BITS : 16;  // not packed: never split
constexpr int WIDE_BITS = plan::DSP_TOKENS * FIELD_BITS + 5;
constexpr int NARROW_BITS = (plan::DSP_TOKENS - 1) * (FIELD_BITS + 1) + plan::ACT_BITS;
typedef ap_int<WIDE_BITS> packed_nibbles_t;
typedef ap_int<NARROW_BITS> packed_acts_t;
typedef ap_int<FIELD_BITS> field_sum_t;
static_assert(plan::CASCADE * 8 * plan::ACT_MAX < 1 << (FIELD_BITS - 1),
              "a field holds the sum of a cascade, and a borrow");
static_assert(!CAN_PACK || (WIDE_BITS <= plan::DSP_WIDE_BITS && NARROW_BITS <= plan::DSP_NARROW_BITS),
              "the operands fit the ports of a DSP");
static_assert((FIELDS - 1) * FIELD_BITS + plan::ACT_BITS + 6 <= 48, "the fields fit its sum");
static_assert(plan::TK % plan::CASCADE == 0, "cascades are full");

// Sums of the fields of the last DSP of a cascade.
inline void split_fields(ap_int<48> p, field_sum_t sum[FIELDS]) {
#pragma HLS INLINE
    sum[0] = field_sum_t(p);
    for (int f = 1; f < FIELDS; ++f) {
#pragma HLS UNROLL
        sum[f] = field_sum_t(p >> (f * FIELD_BITS)) + ap_uint<1>(p[f * FIELD_BITS - 1]);
    }
}

// Operands of the DSPs, each packed once and used by all DSPs of its row slots or of its tokens.
constexpr int PACKED_TOKENS = plan::TT - plan::LUT_TOKENS;  // the others multiply in LUTs
constexpr int TOKEN_GROUPS =
    PACKED_TOKENS > 0 ? (PACKED_TOKENS + plan::DSP_TOKENS - 1) / plan::DSP_TOKENS : 1;
typedef packed_nibbles_t PackedRows[plan::TK];  // of row slots m and m + 1
typedef packed_acts_t PackedTokens[TOKEN_GROUPS][plan::TK];

inline packed_nibbles_t packed_nibbles(nibble_t w0, nibble_t w1) {
#pragma HLS INLINE
    return (packed_nibbles_t(w1) << (plan::DSP_TOKENS * FIELD_BITS)) + w0;
}

inline void pack_rows(const nibble_t w0[plan::TK], const nibble_t w1[plan::TK],
                      PackedRows& packed) {
#pragma HLS INLINE
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        packed[k] = packed_nibbles(w0[k], w1[k]);
    }
}

// Of two tokens a DSP and an odd number of them, the last one is multiplied twice.
inline void pack_tokens(const act_t act[plan::TT][plan::TK], PackedTokens& packed) {
#pragma HLS INLINE
    for (int g = 0; g < TOKEN_GROUPS; ++g) {
#pragma HLS UNROLL
        const int j = g * plan::DSP_TOKENS, next = j + 1 < PACKED_TOKENS ? j + 1 : j;
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            packed[g][k] = act[j][k];
            if (plan::DSP_TOKENS == 2) packed[g][k] += packed_acts_t(act[next][k]) << FIELD_BITS;
        }
    }
}

// CASCADE products, each added to those before it by the DSP that makes it, as DSPs stand in a column
// (PCOUT to PCIN). HLS matches the chain where no BIND_OP takes its products out of it, in the order
// in which it is written (EXPRESSION_BALANCE off, in `engine`). From Vitis 2023.2 on its intrinsics say
// the same without matching: QNAS_DSP_BUILTINS.
inline ap_int<48> cascade_sum(const PackedRows& rows, const packed_acts_t tokens[plan::TK],
                              int first) {
#pragma HLS INLINE
    ap_int<48> p = 0;
    for (int k = first; k < first + plan::CASCADE; ++k) {
#pragma HLS UNROLL
#ifdef QNAS_DSP_BUILTINS
        using namespace hls::QNAS_DSP;
        cascade<REG_A1 | REG_B1 | REG_M | REG_P> dsp;
        p = dsp.mul_add(rows[k], tokens[k], p).pcout;
#else
        p += rows[k] * tokens[k];
#endif
    }
    return p;
}

// sum[DSP_TOKENS * s + t] = row slot s of two times token t of a group.
inline void dot_packed(const PackedRows& rows, const packed_acts_t tokens[plan::TK],
                       adder_t sum[FIELDS]) {
#pragma HLS INLINE
    constexpr int cascades = plan::TK / plan::CASCADE;
    adder_t addend[FIELDS][cascades];
#pragma HLS ARRAY_PARTITION variable=addend complete dim=0
    for (int c = 0; c < cascades; ++c) {
#pragma HLS UNROLL
        field_sum_t fields[FIELDS];
#pragma HLS ARRAY_PARTITION variable=fields complete dim=1
        split_fields(cascade_sum(rows, tokens, c * plan::CASCADE), fields);
        for (int f = 0; f < FIELDS; ++f) {
#pragma HLS UNROLL
            addend[f][c] = adder_t(fields[f]);
        }
    }
    for (int f = 0; f < FIELDS; ++f) {
#pragma HLS UNROLL
        sum[f] = tree_sum<cascades>(addend[f]);
    }
}

// Two row slots from `m` on, the tokens of packed DSPs.
inline void multiply_packed(const nibble_t weight[plan::TM][plan::TK], const PackedTokens& tokens,
                            int m, bool first, Accumulators& acc) {
#pragma HLS INLINE
    PackedRows rows;
#pragma HLS ARRAY_PARTITION variable=rows complete dim=1
    pack_rows(weight[m], weight[m + 1], rows);
    for (int g = 0; g < TOKEN_GROUPS; ++g) {
#pragma HLS UNROLL
        adder_t sum[FIELDS];
#pragma HLS ARRAY_PARTITION variable=sum complete dim=1
        dot_packed(rows, tokens[g], sum);
        for (int f = 0; f < FIELDS; ++f) {
#pragma HLS UNROLL
            const int slot = m + f / plan::DSP_TOKENS;
            const int token = g * plan::DSP_TOKENS + f % plan::DSP_TOKENS;
            if (token >= PACKED_TOKENS) continue;
            const acc_t before = first ? acc_t(0) : acc[slot][token];
            acc[slot][token] = before + sum[f];
        }
    }
}

// One row slot, tokens from `from` on, a multiplier for each product: of DSPs the first `dsp_tokens`.
inline void multiply_plain(const nibble_t weight[plan::TK], const act_t act[plan::TT][plan::TK],
                           int from, int dsp_tokens, bool first, acc_t acc[plan::TT]) {
#pragma HLS INLINE
    for (int j = from; j < plan::TT; ++j) {
#pragma HLS UNROLL
        const bool in_dsp = j < dsp_tokens;
        const beat_sum_t sum = in_dsp ? dot_dsp(weight, act[j]) : dot_lut(weight, act[j]);
        const acc_t before = first ? acc_t(0) : acc[j];
        acc[j] = before + sum;
    }
}

// acc += weight x act, from zero on the first beat. The last LUT_SLOTS row slots and the last
// LUT_TOKENS tokens are built from LUTs, the others from DSPs. Each bank of the memories is read once.
// QNAS_PACKED is true, but for a simulation that makes all products one by one (trace.hpp).
inline void multiply_accumulate(const weight_word_t weight[plan::TM][WEIGHT_WORDS],
                                const stored_act_t act[plan::ACT_BANKS][plan::ACT_WORD],
                                bool first, Accumulators& acc) {
#pragma HLS INLINE
    constexpr int dsp_slots = plan::TM - plan::LUT_SLOTS;
    const bool packed = CAN_PACK && dsp_slots > 0 && PACKED_TOKENS > 0 && QNAS_PACKED;
    nibble_t left[plan::TM][plan::TK];
    act_t right[plan::TT][plan::TK];
    PackedTokens tokens;
#pragma HLS ARRAY_PARTITION variable=left complete dim=0
#pragma HLS ARRAY_PARTITION variable=right complete dim=0
#pragma HLS ARRAY_PARTITION variable=tokens complete dim=0
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        for (int m = 0; m < plan::TM; ++m) {
#pragma HLS UNROLL
            const weight_word_t word = weight[m][k / plan::WEIGHT_WORD];
            left[m][k] = nibble_t(field<4>(word, k % plan::WEIGHT_WORD));
        }
        for (int j = 0; j < plan::TT; ++j) {
#pragma HLS UNROLL
            right[j][k] = act[act_bank(j, k)][j % plan::ACT_WORD];
        }
    }
    if (packed) pack_tokens(right, tokens);
    for (int m = 0; m < plan::TM; ++m) {
#pragma HLS UNROLL
        const bool joins = packed && m < dsp_slots;  // the packed slots
        if (joins && m % 2 == 0) multiply_packed(left, tokens, m, first, acc);
        multiply_plain(left[m], right, joins ? PACKED_TOKENS : 0,
                       m < dsp_slots ? PACKED_TOKENS : 0, first, acc[m]);
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
