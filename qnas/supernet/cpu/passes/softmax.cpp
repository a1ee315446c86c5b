// Softmax as the hardware computes it.
#include <cstring>

#include "grid.hpp"

namespace {

constexpr float LOG2E = 1.44269504088896f;

// 2**z for z <= 0: relative error below 1e-7.
inline float exp2_of(float z) {
  z = z < -126.0f ? -126.0f : z;
  const float whole = rintf(z), f = z - whole;
  float p = 1.5353362e-4f;
  p = p * f + 1.3398874e-3f;
  p = p * f + 9.6184374e-3f;
  p = p * f + 5.5503324e-2f;
  p = p * f + 2.4022648e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
  const int32_t bits = (static_cast<int32_t>(whole) + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

int64_t row_max(const float* s, int64_t cols) {
  float most = s[0];
  for (int64_t i = 1; i < cols; ++i) most = s[i] > most ? s[i] : most;
  int64_t at = 0;
  while (at < cols - 1 && s[at] != most) ++at;
  return at;
}

}  // namespace

extern "C" {

// Softmax of each row of factor * scores on the hardware's grid: see quantizers.
void probabilities(const float* scores, float* probs, int64_t rows, int64_t cols, float factor,
                   float levels, float fraction, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < rows; ++r) {
    const float* s = scores + r * cols;
    float* p = probs + r * cols;
    const float most = s[row_max(s, cols)] * factor;
    float sum = 0.0f;
    for (int64_t i = 0; i < cols; ++i) {
      const float octaves = rintf((s[i] * factor - most) * (LOG2E * fraction)) / fraction;
      p[i] = rintf(exp2_of(octaves) * levels);
      sum += p[i];
    }
    for (int64_t i = 0; i < cols; ++i) p[i] = p[i] / sum;
  }
}

// The rounding passes gradients straight through, the exponential does not.
void probabilities_backward(const float* grad, const float* scores, const float* probs,
                            float* grad_scores, int64_t rows, int64_t cols, float factor,
                            int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < rows; ++r) {
    const float *g = grad + r * cols, *s = scores + r * cols, *p = probs + r * cols;
    float* out = grad_scores + r * cols;
    const int64_t at = row_max(s, cols);
    const float most = s[at] * factor, per_total = p[at] * factor;  // one, before the division
    float mean = 0.0f, sum = 0.0f;
    for (int64_t i = 0; i < cols; ++i) mean += g[i] * p[i];
    for (int64_t i = 0; i < cols; ++i) {
      out[i] = (g[i] - mean) * per_total * exp2_of((s[i] * factor - most) * LOG2E);
      sum += out[i];
    }
    out[at] -= sum;
  }
}

}  // extern "C"
