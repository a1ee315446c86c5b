// What the passes have in common: a value on its grid, the gradient through it, and sums. A sum runs
// over blocks of fixed length and then over the blocks, so that it is the same bit for bit at any
// number of threads.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

constexpr int64_t BLOCK_ROWS = 64;

// Written so that a NaN passes through.
inline float clamped(float q, float low, float high) {
  q = q < low ? low : q;
  return q > high ? high : q;
}

inline float on_grid(float x, float step, float low, float high) {
  return clamped(rintf(x / step), low, high) * step;
}

inline float inside(float grad, float x, float step, float low, float high) {
  return x > (low - 0.5f) * step && x < (high + 0.5f) * step ? grad : 0.0f;
}

inline float total(const std::vector<float>& sums) {
  double all = 0.0;
  for (float sum : sums) all += sum;
  return static_cast<float>(all);
}

inline int64_t blocks_of(int64_t rows) { return (rows + BLOCK_ROWS - 1) / BLOCK_ROWS; }

inline int64_t end_of(int64_t block, int64_t rows) {
  return (block + 1) * BLOCK_ROWS < rows ? (block + 1) * BLOCK_ROWS : rows;
}
