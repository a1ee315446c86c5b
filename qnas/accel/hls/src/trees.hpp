// Sums and maxima of lanes as trees: what a loop carries from one iteration to the next is then one
// operation deep, and sums are added in the order in which they are written.
#pragma once

namespace qnas {

// The sum of N values, N a power of two, in the type of all partial sums.
template <int N, class T>
T tree_sum(T value[N]) {
#pragma HLS INLINE
    static_assert((N & (N - 1)) == 0, "a full tree");
    for (int half = N / 2; half > 0; half /= 2) {
#pragma HLS UNROLL
        for (int i = 0; i < half; ++i) {
#pragma HLS UNROLL
            value[i] = T(value[i] + value[i + half]);
        }
    }
    return value[0];
}

// The largest of N values, N a power of two.
template <int N, class T>
T tree_maximum(T value[N]) {
#pragma HLS INLINE
    static_assert((N & (N - 1)) == 0, "a full tree");
    for (int half = N / 2; half > 0; half /= 2) {
#pragma HLS UNROLL
        for (int i = 0; i < half; ++i) {
#pragma HLS UNROLL
            value[i] = value[i + half] > value[i] ? value[i + half] : value[i];
        }
    }
    return value[0];
}

}  // namespace qnas
