// Number formats and memories of the accelerator. Widths come from the plan (plan.hpp).
//
// Memories are declared row first, so that one cycle reads `memory[row]`; the inner dimensions are
// banks and are partitioned completely where the arrays are defined (qnas_top.cpp).
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
typedef ap_int<32> logit_t;

typedef act_t ActMemory[plan::ACT_ROWS][plan::TT][plan::TK];
typedef pair_t KeyMemory[plan::KEY_ROWS][plan::TK];
typedef pair_t ProbMemory[plan::PROB_ROWS][plan::TK];
typedef score_t ScoreMemory[plan::SCORE_ROWS][plan::TT][plan::VL];
typedef residual_t ResidualMemory[plan::RESIDUAL_ROWS][plan::TT][plan::VL];
typedef nibble_t WeightMemory[plan::WEIGHT_ROWS][plan::TM][plan::TK];
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

// out[k] is in[(k + by) mod TK]: a level of two-way choices a bit of `by`.
template <class T>
void rotate(const T in[plan::TK], int by, T out[plan::TK]) {
#pragma HLS INLINE
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        out[k] = in[k];
    }
    for (int step = 1; step < plan::TK; step *= 2) {
#pragma HLS UNROLL
        T before[plan::TK];
#pragma HLS ARRAY_PARTITION variable=before complete dim=1
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            before[k] = out[k];
        }
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            if (by & step) out[k] = before[(k + step) & (plan::TK - 1)];
        }
    }
}

}  // namespace qnas
