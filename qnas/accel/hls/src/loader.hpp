// Loading one row tile of the nibble operand into one half of the weight memory, a step an iteration:
// from the weight stream, or, in attention, from key or probability memory.
#pragma once
#include "fixed_point.hpp"
#include "stage.hpp"
#include "types.hpp"

namespace qnas {

// Where the loading of a stage stands.
struct LoadCursor {
    short tile;  // the row tile that comes in; all tiles: nothing more is to come
    int step;    // inside the tile
    short part;  // word of a beat, or pair of slots
    short beat;
    short row;    // attention: the key or query of this pair, and its first bank row
    int address;
};

inline LoadCursor first_load(const Stage& stage) {
#pragma HLS INLINE
    const int half = stage.left == PROBS ? half_base<plan::PROB_ROWS>(stage.half) : 0;
    const LoadCursor cursor = {0, 0, 0, 0, 0, stage.left_base + half};
    return cursor;
}

// First row of the half of the weight memory that a row tile has.
inline int weight_half(int tile) {
#pragma HLS INLINE
    return tile % 2 == 0 ? 0 : plan::MAX_BEATS;
}

// What one step brings: a word of the stream, or TK elements of a key or of a query's probabilities.
struct Load {
    bool came;
    word_t word;
    pair_t pairs[plan::TK];
};

// TK elements of one key or of one query's probabilities; zero outside the matrix. Of a key the
// banks are turned by its token.
inline void read_pairs(const Stage& stage, const LoadCursor& cursor, const KeyMemory& key,
                       const ProbMemory& prob, pair_t pairs[plan::TK]) {
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
    rotate(banks, cursor.row, turned);
    for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
        const bool valid = inside && cursor.beat * plan::TK + k < stage.inner;
        pairs[k] = 0;
        if (valid) pairs[k] = stage.left == KEY ? turned[k] : prob[address][k];
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

// A word, part `part` of a beat, has the nibbles of banks part * STREAM_BITS / 4 and following; a
// pair, row `part` of the tile, those of slots 2 * part (high) and 2 * part + 1 (low).
inline void store_nibbles(const Stage& stage, const LoadCursor& cursor, const Load& load,
                          WeightMemory& weight) {
#pragma HLS INLINE
    constexpr int per_word = plan::STREAM_BITS / 4;
    const int row = weight_half(cursor.tile) + cursor.beat;
    const bool words = stage.left == WEIGHTS;
    for (int slot = 0; slot < plan::TM; ++slot) {
#pragma HLS UNROLL
        for (int k = 0; k < plan::TK; ++k) {
#pragma HLS UNROLL
            const int bank = slot * plan::TK + k;
            if (cursor.part != (words ? bank / per_word : slot / 2)) continue;
            const nibble_t high = high_nibble(load.pairs[k]), low = low_nibble(load.pairs[k]);
            const nibble_t paired = slot % 2 == 0 ? high : low;
            const nibble_t streamed = nibble_t(field<4>(load.word, bank % per_word));
            weight[row][slot][k] = words ? streamed : paired;
        }
    }
}

// Of weights the row parameters come first, then the nibbles.
inline bool brings_params(const Stage& stage, const LoadCursor& cursor) {
#pragma HLS INLINE
    return stage.left == WEIGHTS && cursor.step < plan::ROW_PARAM_WORDS;
}

inline void store_load(const Stage& stage, const LoadCursor& cursor, const Load& load,
                       WeightMemory& weight, RowParamMemory& row_param) {
#pragma HLS INLINE
    if (brings_params(stage, cursor))
        store_row_params(load.word, cursor.tile, cursor.step, row_param);
    else
        store_nibbles(stage, cursor, load, weight);
}

// Weights come word by word and beat by beat, pairs beat by beat and row by row.
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
    if (!words && last_beat) {
        ++cursor.row;
        cursor.address += stage.left_stride;
    }
}

}  // namespace qnas
