// Walking through a memory of tokens or queries in one flat loop, VL values a step, image by image.
#pragma once
#include "plan.hpp"

namespace qnas {

// Vectors that hold so many values.
inline int vectors_of(int values) {
#pragma HLS INLINE
    return (values + plan::VL - 1) / plan::VL;
}

// What is walked through: images of `tokens` tokens of `vectors` vectors, and the rows from one to the
// next: of tokens and of images, and in the memory of the results of groups of TT tokens and of images.
struct VectorWalk {
    int tokens, vectors;
    int row, image_row, out_row, image_out_row;
};

// Vector `v` of token `token` of image `image`, whose values begin at `row`. Its result begins at
// `out_row`, in token bank `bank`.
struct VectorCursor {
    short image, token, v, bank;
    int row, out_row;
    int first_row, first_out_row;  // of the image
};

inline VectorCursor first_vector(int row, int out_row) {
#pragma HLS INLINE
    const VectorCursor cursor = {0, 0, 0, 0, row, out_row, row, out_row};
    return cursor;
}

inline void next_vector(const VectorWalk& walk, VectorCursor& cursor) {
#pragma HLS INLINE
    const bool last = cursor.v == walk.vectors - 1, last_bank = cursor.bank == plan::TT - 1;
    const bool last_token = last && cursor.token == walk.tokens - 1;
    cursor.v = last ? 0 : cursor.v + 1;
    if (last_token) {
        ++cursor.image;
        cursor.token = cursor.bank = 0;
        cursor.first_row += walk.image_row;
        cursor.first_out_row += walk.image_out_row;
        cursor.row = cursor.first_row;
        cursor.out_row = cursor.first_out_row;
    } else if (last) {
        ++cursor.token;
        cursor.bank = last_bank ? 0 : cursor.bank + 1;
        cursor.row += walk.row;
        if (last_bank) cursor.out_row += walk.out_row;
    }
}

}  // namespace qnas
