// Filling the memories: the images, the residual stream's start.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "trace.hpp"
#include "types.hpp"
#include "vectors.hpp"

namespace qnas {

constexpr int MOST_WORDS = plan::BATCH * plan::IMAGE_WORDS;
constexpr int FEWEST_RESIDUAL_WORDS = plan::BATCH * plan::MIN_RESIDUAL_WORDS;
constexpr int MOST_RESIDUAL_WORDS = plan::BATCH * plan::MAX_RESIDUAL_WORDS;

// Patches of all images, PATCH_LANES pixels of 8 bits a word.
inline void load_patches(const Stage& stage, PixelStream& pixels, ActMemory& act) {
#pragma HLS INLINE off
    constexpr int lanes = plan::PATCH_LANES, parts = plan::TK / lanes;
    const VectorWalk walk = {stage.tokens, (stage.rows + lanes - 1) / lanes, 0, 0,
                             stage.dst_stride, plan::ACT_IMAGE_ROWS};
    VectorCursor at = first_vector(0, stage.dst_base);
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
            taken[k] = k / lanes == at.v % parts;
        }
        store_token(at.out_row + at.v / parts, at.bank, value, taken, act);
        next_vector(walk, at);
    }
}

// Class token and position embedding, RESIDUAL_LANES channels of 16 bits a word. Each word is written
// to one image after the other.
inline void load_residual(const Stage& stage, WordStream& words, ResidualMemory& residual) {
#pragma HLS INLINE off
    constexpr int lanes = plan::RESIDUAL_LANES, banks = plan::RESIDUAL_BANKS;
    constexpr int parts = banks / lanes;
    const int groups = (stage.rows + lanes - 1) / lanes;
    short token = 0, group = 0, image = 0;
    int row = 0, image_row = 0;
    word_t word = 0;
    QNAS_ENTER(trace::LOAD);
load:
    for (int i = 0; i < stage.steps; ++i) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_RESIDUAL_WORDS max=MOST_RESIDUAL_WORDS
        QNAS_COUNT(trace::LOAD);
        if (image == 0) word = words.read();
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
                residual[image_row + row + group / parts][b] = turned[b];
        }
        const bool last_image = image == plan::BATCH - 1, last = last_image && group == groups - 1;
        image = last_image ? 0 : image + 1;
        image_row = last_image ? 0 : image_row + plan::RESIDUAL_IMAGE_ROWS;
        if (last_image) group = last ? 0 : group + 1;
        token += last;
        if (last) row += plan::RESIDUAL_STRIDE;
    }
}

// The results, image by image, after the last stage: writes to memory stay out of the engine's
// pipeline.
inline void store_logits(const LogitMemory& logit, AnswerStream& answers) {
#pragma HLS INLINE off
    short index = 0;
    int first = 0;  // row of the image
    QNAS_ENTER(trace::STORE);
store:
    for (int i = 0; i < plan::BATCH * plan::CLASSES; ++i) {
#pragma HLS PIPELINE II=1
        QNAS_COUNT(trace::STORE);
        answers.write(logit[first + index]);
        const bool last = index == plan::CLASSES - 1;
        index = last ? 0 : index + 1;
        if (last) first += plan::LOGIT_IMAGE_ROWS;
    }
}

}  // namespace qnas
