// Number formats and memories of the accelerator. Widths come from the plan (plan.hpp).
//
// Memories are declared row first, so that one cycle reads `memory[row]`; the inner dimensions are
// banks and are partitioned completely where the arrays are defined (qnas_top.cpp). Only the last one
// of activation memory, the tokens of a word, is reshaped: a word, written as a whole or a byte of it.
#pragma once
#include <ap_int.h>
#include <hls_stream.h>

#include "plan.hpp"

namespace qnas {

typedef ap_uint<plan::PORT_BITS> port_word_t;
typedef ap_uint<plan::STREAM_BITS> word_t;  // of the weight stream: a word of each of its ports
typedef ap_int<4> nibble_t;
typedef ap_int<plan::ACT_BITS> act_t;
typedef ap_int<4 + plan::ACT_BITS> product_t;  // nibble x activation
typedef ap_int<8> pair_t;      // two nibbles: keys and probabilities, -119..119
typedef ap_int<plan::ACC_BITS> acc_t;
typedef ap_int<plan::SCORE_BITS> score_t;
typedef ap_int<27> sum_t;   // both nibbles of a row: below 2**26
typedef ap_int<26> bias_t;  // 2**-8 output steps
typedef ap_int<18> mult_t;
typedef ap_uint<6> shift_t;
typedef ap_int<48> scaled_t;  // sum_t x mult_t and the bias
typedef ap_int<16> residual_t;
typedef ap_int<17> increment_t;  // what a row adds to a residual
typedef ap_int<32> logit_t;

// Element (token, channel) of a row: bank act_bank(token % TT, channel % TK), token % ACT_WORD of it.
typedef ap_int<plan::ACT_WORD == 1 ? plan::ACT_BITS : 8> stored_act_t;
typedef ap_uint<4 * plan::WEIGHT_WORD> weight_word_t;  // of neighbouring inputs of a row slot
constexpr int WEIGHT_WORDS = plan::TK / plan::WEIGHT_WORD;  // of a row slot

typedef stored_act_t ActMemory[plan::ACT_ROWS][plan::ACT_BANKS][plan::ACT_WORD];
typedef pair_t KeyMemory[plan::KEY_ROWS][plan::TK];
typedef pair_t ProbMemory[plan::PROB_ROWS][plan::LOAD_PAIRS][plan::TK];
typedef score_t ScoreMemory[plan::SCORE_ROWS][plan::SCORE_BANKS];
typedef residual_t ResidualMemory[plan::RESIDUAL_ROWS][plan::RESIDUAL_BANKS];
typedef weight_word_t WeightMemory[plan::WEIGHT_ROWS][plan::TM][WEIGHT_WORDS];
typedef ap_uint<64> RowParamMemory[plan::ROW_PARAM_ROWS][plan::ROW_PARAM_BANKS];
typedef ap_uint<54> NormParamMemory[plan::NORM_PARAM_ROWS][plan::NORM_PARAM_BANKS];
typedef ap_uint<24> QueryScaleMemory[plan::QUERY_SCALE_ROWS][plan::DRAIN_PAIRS];
typedef act_t GeluMemory[plan::GELU_ROWS][plan::TT][plan::GELU_LANES];
typedef logit_t LogitMemory[plan::LOGIT_ROWS];
typedef acc_t Accumulators[plan::TM][plan::TT];
// The vectors of one query or token, kept from the first pass of a vector unit to the second.
typedef score_t ScoreDelayMemory[plan::SCORE_DELAY_ROWS][plan::VL];
typedef residual_t ResidualDelayMemory[plan::RESIDUAL_DELAY_ROWS][plan::VL];
typedef hls::stream<word_t> WordStream;
typedef hls::stream<port_word_t> PixelStream;
typedef hls::stream<logit_t> AnswerStream;

// Bank of a token (of TT) and a channel (of TK).
constexpr int act_bank(int token, int channel) {
    return token / plan::ACT_WORD * plan::TK + channel;
}

// First bank row of one half of a memory with ROWS rows: with buffers for two heads, head h has half
// h % 2.
template <int ROWS>
int half_base(int half) {
#pragma HLS INLINE
    static_assert(ROWS % plan::HEAD_BUFFERS == 0, "halves are equal");
    return half == 0 ? 0 : ROWS / plan::HEAD_BUFFERS;
}

// Field number `index` of fields of W bits each, lowest first.
template <int W, class Word>
ap_uint<W> field(const Word& word, int index) {
#pragma HLS INLINE
    return ap_uint<W>(word.range(W * index + W - 1, W * index));
}

// Puts what port number PORT brought in its place in a word of the weight stream.
template <int PORT>
void place(const port_word_t& part, word_t& word) {
#pragma HLS INLINE
    for (int bit = 0; bit < plan::PORT_BITS; bit += 64) {
#pragma HLS UNROLL
        const int to = PORT * plan::PORT_BITS + bit;
        word.range(to + 63, to) = part.range(bit + 63, bit);
    }
}

// out[k] is in[(k + by) mod N], N a power of two: a level of two-way choices a bit of `by`.
template <int N, class T>
void rotate(const T in[N], int by, T out[N]) {
#pragma HLS INLINE
    for (int k = 0; k < N; ++k) {
#pragma HLS UNROLL
        out[k] = in[k];
    }
    for (int step = 1; step < N; step *= 2) {
#pragma HLS UNROLL
        T before[N];
#pragma HLS ARRAY_PARTITION variable=before complete dim=1
        for (int k = 0; k < N; ++k) {
#pragma HLS UNROLL
            before[k] = out[k];
        }
        for (int k = 0; k < N; ++k) {
#pragma HLS UNROLL
            if (by & step) out[k] = before[(k + step) & (N - 1)];
        }
    }
}

// The same of groups of GROUP neighbours, which stay together: `by` counts groups.
template <int N, int GROUP, class T>
void rotate_groups(const T in[N], int by, T out[N]) {
#pragma HLS INLINE
    for (int member = 0; member < GROUP; ++member) {
#pragma HLS UNROLL
        T lane[N / GROUP], turned[N / GROUP];
#pragma HLS ARRAY_PARTITION variable=lane complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
        for (int k = 0; k < N / GROUP; ++k) {
#pragma HLS UNROLL
            lane[k] = in[k * GROUP + member];
        }
        rotate<N / GROUP>(lane, by, turned);
        for (int k = 0; k < N / GROUP; ++k) {
#pragma HLS UNROLL
            out[k * GROUP + member] = turned[k];
        }
    }
}

// Values of one token, a channel bank each, where `taken`. Of a word that is one byte.
inline void store_token(int row, int token, const act_t value[plan::TK],
                        const bool taken[plan::TK], ActMemory& act) {
#pragma HLS INLINE
    for (int bank = 0; bank < plan::ACT_BANKS; ++bank) {
#pragma HLS UNROLL
        const int k = bank % plan::TK;
        for (int t = 0; t < plan::ACT_WORD; ++t) {
#pragma HLS UNROLL
            if (taken[k] && token == bank / plan::TK * plan::ACT_WORD + t)
                act[row][bank][t] = value[k];
        }
    }
}

}  // namespace qnas
