// Loading one row tile of the nibble operand into one half of the weight memory, a step a cycle:
// from the weight stream, or, in attention, from key or probability memory.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "types.hpp"

namespace qnas {

// Where the loading of a stage stands.
struct LoadCursor {
    int step;     // inside the tile
    int part;     // word of a beat, or pair of slots
    int beat;
    int row;      // attention: the key or query of this pair, and its first bank row
    int address;
};

inline LoadCursor first_load(const Stage& stage) {
#pragma HLS INLINE
    const LoadCursor cursor = {0, 0, 0, 0, stage.left_base};
    return cursor;
}

inline void load_row_params(const word_t& word, int tile, int step, RowParamMemory& row_param) {
#pragma HLS INLINE
    const int base = address_product(tile & 3, plan::ROW_PARAM_WORDS);
    for (int bank = 0; bank < plan::ROW_PARAM_BANKS; ++bank) {
#pragma HLS UNROLL
        row_param[base + step][bank] = field<64>(word, bank);
    }
}

// Nibbles of one word: word `part` of a beat holds banks part * STREAM_BITS / 4 and following.
inline void load_nibbles(const word_t& word, int row, int part, WeightMemory& weight) {
#pragma HLS INLINE
    constexpr int per_word = plan::STREAM_BITS / 4;
    for (int p = 0; p < plan::BEAT_WORDS; ++p) {
#pragma HLS UNROLL
        if (p != part) continue;
        for (int n = 0; n < per_word; ++n) {
#pragma HLS UNROLL
            const int bank = p * per_word + n;
            if (bank < plan::TM * plan::TK)
                weight[row][bank / plan::TK][bank % plan::TK] = nibble_t(field<4>(word, n));
        }
    }
}

inline void load_word(int tile, LoadCursor& cursor, WordStream& words, WeightMemory& weight,
                      RowParamMemory& row_param) {
#pragma HLS INLINE
    const word_t word = words.read();
    if (cursor.step < plan::ROW_PARAM_WORDS) {
        load_row_params(word, tile, cursor.step, row_param);
        return;
    }
    const int half = (tile & 1) ? plan::MAX_BEATS : 0;
    load_nibbles(word, half + cursor.beat, cursor.part, weight);
    if (++cursor.part == plan::BEAT_WORDS) {
        cursor.part = 0;
        ++cursor.beat;
    }
}

// TK elements of one key or of one query's probabilities; zero outside the matrix. Of a key the
// banks are turned by its token.
inline void read_pairs(const Stage& stage, const LoadCursor& cursor, const KeyMemory& key,
                       const ProbMemory& prob, pair_t pairs[plan::TK]) {
#pragma HLS INLINE
    const int address = cursor.address + cursor.beat;
    const bool inside = cursor.row < stage.rows;
    pair_t banks[plan::TK], turned[plan::TK];
#pragma HLS ARRAY_PARTITION variable=banks complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        banks[k] = 0;
        if (inside && stage.left == KEY) banks[k] = key[address][k];
    }
    rotate(banks, cursor.row, turned);
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const bool valid = inside && cursor.beat * plan::TK + k < stage.inner;
        pairs[k] = 0;
        if (valid) pairs[k] = stage.left == KEY ? turned[k] : prob[address][k];
    }
}

// Row r of the tile takes slots 2r (high nibbles) and 2r + 1 (low nibbles).
inline void load_pair(const Stage& stage, int tile, LoadCursor& cursor, const KeyMemory& key,
                      const ProbMemory& prob, WeightMemory& weight) {
#pragma HLS INLINE
    pair_t pairs[plan::TK];
#pragma HLS ARRAY_PARTITION variable=pairs complete dim=1
    read_pairs(stage, cursor, key, prob, pairs);
    const int row = ((tile & 1) ? plan::MAX_BEATS : 0) + cursor.beat;
    for (int slot = 0; slot < plan::TM; ++slot) {
#pragma HLS UNROLL
        if (slot / 2 != cursor.part) continue;
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            weight[row][slot][k] = slot % 2 == 0 ? high_nibble(pairs[k]) : low_nibble(pairs[k]);
        }
    }
    if (++cursor.beat == stage.beats) {
        cursor.beat = 0;
        ++cursor.part;
        ++cursor.row;
        cursor.address += stage.left_stride;
    }
}

// One step of loading row tile `tile`; after the last one the cursor stands before the next tile.
inline void load_step(const Stage& stage, int tile, LoadCursor& cursor, WordStream& words,
                      const KeyMemory& key, const ProbMemory& prob, WeightMemory& weight,
                      RowParamMemory& row_param) {
#pragma HLS INLINE
    if (stage.left == WEIGHTS)
        load_word(tile, cursor, words, weight, row_param);
    else
        load_pair(stage, tile, cursor, key, prob, weight);
    if (++cursor.step == stage.load_steps) {
        cursor.step = 0;
        cursor.part = 0;
        cursor.beat = 0;
    }
}

}  // namespace qnas
