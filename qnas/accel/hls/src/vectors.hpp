// Walking through a memory of tokens or queries in one flat loop, VL values a step.
#pragma once
#include "plan.hpp"

namespace qnas {

// Vectors that hold so many values.
inline int vectors_of(int values) {
#pragma HLS INLINE
    return (values + plan::VL - 1) / plan::VL;
}

// Vector `v` of token `token`, whose values begin at `row`. Its result begins at `out_row`, in token
// bank `bank`.
struct VectorCursor {
    short token, v, bank;
    int row, out_row;
};

inline VectorCursor first_vector(int row, int out_row) {
#pragma HLS INLINE
    const VectorCursor cursor = {0, 0, 0, row, out_row};
    return cursor;
}

// A token has `vectors` and takes `stride` rows, the results of a group of TT tokens `out_stride`.
inline void next_vector(VectorCursor& cursor, int vectors, int stride, int out_stride) {
#pragma HLS INLINE
    const bool last = cursor.v == vectors - 1, last_bank = cursor.bank == plan::TT - 1;
    cursor.v = last ? 0 : cursor.v + 1;
    cursor.token += last;
    if (last) cursor.bank = last_bank ? 0 : cursor.bank + 1;
    if (last) cursor.row += stride;
    if (last && last_bank) cursor.out_row += out_stride;
}

}  // namespace qnas
