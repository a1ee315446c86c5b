// Filling the memories: the image, the residual stream's start.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "trace.hpp"
#include "types.hpp"

namespace qnas {

constexpr int MOST_WORDS = plan::IMAGE_WORDS;
constexpr int FEWEST_RESIDUAL_WORDS = plan::MIN_RESIDUAL_WORDS;
constexpr int MOST_RESIDUAL_WORDS = plan::MAX_RESIDUAL_WORDS;

// Patches of one image, PATCH_LANES pixels of 8 bits a word.
inline void load_patches(const Stage& stage, PixelStream& pixels, ActMemory& act) {
#pragma HLS INLINE off
    constexpr int lanes = plan::PATCH_LANES, parts = plan::TK / lanes;
    const int groups = (stage.rows + lanes - 1) / lanes;
    short bank = 0, group = 0;
    int row = stage.dst_base;
    QNAS_ENTER(trace::LOAD);
load:
    for (int i = 0; i < stage.steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=MOST_WORDS max=MOST_WORDS
        QNAS_COUNT(trace::LOAD);
        const port_word_t word = pixels.read();
        act_t value[plan::TK];
        bool taken[plan::TK];
#pragma HLS ARRAY_PARTITION variable=value complete dim=1
#pragma HLS ARRAY_PARTITION variable=taken complete dim=1
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            value[k] = act_t(field<8>(word, k % lanes));
            taken[k] = k / lanes == group % parts;
        }
        store_token(row + group / parts, bank, value, taken, act);
        const bool last = group == groups - 1, last_bank = bank == plan::TT - 1;
        group = last ? 0 : group + 1;
        if (last) bank = last_bank ? 0 : bank + 1;
        if (last && last_bank) row += stage.dst_stride;
    }
}

// Class token and position embedding, RESIDUAL_LANES channels of 16 bits a word.
inline void load_residual(const Stage& stage, WordStream& words, ResidualMemory& residual) {
#pragma HLS INLINE off
    constexpr int lanes = plan::RESIDUAL_LANES, banks = plan::RESIDUAL_BANKS;
    constexpr int parts = banks / lanes;
    const int groups = (stage.rows + lanes - 1) / lanes;
    short token = 0, group = 0;
    int row = 0;
    QNAS_ENTER(trace::LOAD);
load:
    for (int i = 0; i < stage.steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_RESIDUAL_WORDS max=MOST_RESIDUAL_WORDS
        QNAS_COUNT(trace::LOAD);
        const word_t word = words.read();
        const int first_bank = token + group * lanes;
        residual_t value[banks], turned[banks];
#pragma HLS ARRAY_PARTITION variable=value complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
        for (int b = 0; b < banks; ++b) {
#pragma HLS UNROLL
            value[b] = residual_t(field<16>(word, b % lanes));
        }
        rotate<banks>(value, -first_bank & (banks - 1), turned);
        for (int b = 0; b < banks; ++b) {
#pragma HLS UNROLL
            if (((b - first_bank) & (banks - 1)) < lanes)
                residual[row + group / parts][b] = turned[b];
        }
        const bool last = group == groups - 1;
        group = last ? 0 : group + 1;
        token += last;
        if (last) row += plan::RESIDUAL_STRIDE;
    }
}

// The result, after the last stage: writes to memory stay out of the engine's pipeline.
inline void store_logits(const LogitMemory& logit, AnswerStream& answers) {
#pragma HLS INLINE off
    QNAS_ENTER(trace::STORE);
store:
    for (int i = 0; i < plan::CLASSES; ++i) {
#pragma HLS PIPELINE II=1
        QNAS_COUNT(trace::STORE);
        answers.write(logit[i]);
    }
}

}  // namespace qnas
