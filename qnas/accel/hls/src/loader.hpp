// Loading one row tile of the nibble operand into one half of the weight memory, a step an iteration:
// from the weight stream, or, in attention, from key or probability memory.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "types.hpp"

namespace qnas {

// Where the loading of a stage stands.
struct LoadCursor {
    short tile;  // the row tile that comes in, of all images'; all tiles: nothing more is to come
    int step;    // inside the tile
    short part;  // word of a beat, or pairs of slots that come together
    short beat;
    short row;    // attention: the key or first query of these pairs, and their first bank row
    int address;
    int first_address;  // of the image
};

inline LoadCursor first_load(const Stage& stage) {
#pragma HLS INLINE
    const int half = stage.left == PROBS ? half_base<plan::PROB_ROWS>(stage.half) : 0;
    const LoadCursor cursor = {0, 0, 0, 0, 0, stage.left_base + half, stage.left_base + half};
    return cursor;
}

// First row of the half of the weight memory that a row tile has.
inline int weight_half(int tile) {
#pragma HLS INLINE
    return tile % 2 == 0 ? 0 : plan::MAX_BEATS;
}

// What one step brings: a word of the stream, or TK elements of a key, or of the probabilities of
// LOAD_PAIRS queries.
struct Load {
    bool came;
    word_t word;
    pair_t pairs[plan::LOAD_PAIRS][plan::TK];
};

// Pairs of row slots that one step of `attend` or of scores brings.
inline int pairs_at_once(const Stage& stage) {
#pragma HLS INLINE
    return stage.left == KEY ? 1 : plan::LOAD_PAIRS;
}

// TK elements of one key, for every pair, or of LOAD_PAIRS queries' probabilities; zero outside the
// matrix. Of a key the banks are turned by its token.
inline void read_pairs(const Stage& stage, const LoadCursor& cursor, const KeyMemory& key,
                       const ProbMemory& prob, pair_t pairs[plan::LOAD_PAIRS][plan::TK]) {
#pragma HLS INLINE
    const bool inside = cursor.row < stage.rows;
    const int address = inside ? cursor.address + cursor.beat : 0;
    pair_t banks[plan::TK], turned[plan::TK];
#pragma HLS ARRAY_PARTITION variable=banks complete dim=1
#pragma HLS ARRAY_PARTITION variable=turned complete dim=1
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        banks[k] = 0;
        if (stage.left == KEY) banks[k] = key[address][k];
    }
    rotate<plan::TK>(banks, cursor.row, turned);
    for (int p = 0; p < plan::LOAD_PAIRS; ++p) {
#pragma HLS UNROLL
        const bool valid_row = cursor.row + (stage.left == KEY ? 0 : p) < stage.rows;
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            const bool valid = valid_row && cursor.beat * plan::TK + k < stage.inner;
            pairs[p][k] = 0;
            if (valid) pairs[p][k] = stage.left == KEY ? turned[k] : prob[address][p][k];
        }
    }
}

// Reads what comes in, without waiting: a word that is not there comes in a later iteration.
inline Load fetch(const Stage& stage, const LoadCursor& cursor, WordStream& words,
                  const KeyMemory& key, const ProbMemory& prob) {
#pragma HLS INLINE
    Load load;
    load.word = 0;
    load.came = true;
    if (stage.left == WEIGHTS)
        load.came = words.read_nb(load.word);
    else
        read_pairs(stage, cursor, key, prob, load.pairs);
    return load;
}

inline void store_row_params(const word_t& word, int tile, int step, RowParamMemory& row_param) {
#pragma HLS INLINE
    const int base = address_product(tile & 3, plan::ROW_PARAM_WORDS);
    for (int bank = 0; bank < plan::ROW_PARAM_BANKS; ++bank) {
#pragma HLS UNROLL
        row_param[base + step][bank] = field<64>(word, bank);
    }
}

// A word of the stream, part `part` of a beat, has the words of banks part * PER_WORD and following;
// pairs, rows `part` * LOAD_PAIRS and following of the tile, those of two slots each, high and low.
inline void store_nibbles(const Stage& stage, const LoadCursor& cursor, const Load& load,
                          WeightMemory& weight) {
#pragma HLS INLINE
    constexpr int width = 4 * plan::WEIGHT_WORD, per_word = plan::STREAM_BITS / width;
    const int row = weight_half(cursor.tile) + cursor.beat;
    const bool words = stage.left == WEIGHTS, keys = stage.left == KEY;
    for (int slot = 0; slot < plan::TM; ++slot) {
#pragma HLS UNROLL
        const int pair = slot / 2, member = pair % plan::LOAD_PAIRS;
        for (int w = 0; w < WEIGHT_WORDS; ++w) {
#pragma HLS UNROLL
            const int bank = slot * WEIGHT_WORDS + w;
            const int paired_part = keys ? pair : pair / plan::LOAD_PAIRS;
            if (cursor.part != (words ? bank / per_word : paired_part)) continue;
            weight_word_t paired = 0;
            for (int k = 0; k < plan::WEIGHT_WORD; ++k) {
#pragma HLS UNROLL
                const pair_t value = load.pairs[member][w * plan::WEIGHT_WORD + k];
                const nibble_t nibble = slot % 2 == 0 ? high_nibble(value) : low_nibble(value);
                paired.range(4 * k + 3, 4 * k) = ap_uint<4>(nibble);
            }
            const weight_word_t streamed = field<width>(load.word, bank % per_word);
            weight[row][slot][w] = words ? streamed : paired;
        }
    }
}

// Of weights the row parameters come first, then the nibbles.
inline bool brings_params(const Stage& stage, const LoadCursor& cursor) {
#pragma HLS INLINE
    return stage.left == WEIGHTS && cursor.step < stage.param_steps;
}

inline void store_load(const Stage& stage, const LoadCursor& cursor, const Load& load,
                       WeightMemory& weight, RowParamMemory& row_param) {
#pragma HLS INLINE
    if (brings_params(stage, cursor))
        store_row_params(load.word, cursor.tile, cursor.step, row_param);
    else
        store_nibbles(stage, cursor, load, weight);
}

// Weights come word by word and beat by beat, pairs beat by beat and row by row, those of the row tiles
// of one image behind those of the one before.
inline void next_load(const Stage& stage, LoadCursor& cursor) {
#pragma HLS INLINE
    const bool words = stage.left == WEIGHTS;
    const bool last_beat = cursor.beat == stage.beats - 1;
    const bool last_part = cursor.part == plan::BEAT_WORDS - 1;
    const bool last_step = cursor.step == stage.load_steps - 1;
    if (last_step) {
        ++cursor.tile;
        cursor.part = cursor.beat = 0;
    } else if (!words) {
        cursor.part = last_beat ? cursor.part + 1 : cursor.part;
        cursor.beat = last_beat ? 0 : cursor.beat + 1;
    } else if (!brings_params(stage, cursor)) {
        cursor.part = last_part ? 0 : cursor.part + 1;
        cursor.beat = last_part ? cursor.beat + 1 : cursor.beat;
    }
    cursor.step = last_step ? 0 : cursor.step + 1;
    if (!words && last_step && cursor.row >= stage.rows - pairs_at_once(stage)) {  // the next image
        cursor.row = 0;
        cursor.first_address += stage.left == KEY ? plan::KEY_IMAGE_ROWS : plan::PROB_IMAGE_ROWS;
        cursor.address = cursor.first_address;
    } else if (!words && last_beat) {
        cursor.row += pairs_at_once(stage);
        cursor.address += stage.left_stride;
    }
}

}  // namespace qnas
