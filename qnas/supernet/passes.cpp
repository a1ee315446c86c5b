// Passes over activations and weights that torch would make of four to ten operators each, every one
// a trip through memory. Compiled on first use by native.py; quantizers.py has the same in torch.
// Sums run over blocks of fixed length and then over the blocks, so that they are the same bit for
// bit at any number of threads.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int64_t BLOCK = 1 << 14;

// Written so that a NaN passes through.
inline float clamped(float q, float low, float high) {
  q = q < low ? low : q;
  return q > high ? high : q;
}

inline float on_grid(float x, float step, float low, float high) {
  return clamped(rintf(x / step), low, high) * step;
}

// Gradient of x, and what this element adds to the gradient of the step's logarithm.
inline float backward(float grad, float x, float step, float low, float high, float& log_grad) {
  const float inside = x > (low - 0.5f) * step && x < (high + 0.5f) * step ? grad : 0.0f;
  log_grad += grad * on_grid(x, step, low, high) - inside * x;
  return inside;
}

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

constexpr float LOG2E = 1.44269504088896f;

}  // namespace

extern "C" {

// out = clamp(round(x / step), low, high) * step, with step = *step_at.
void quantize(const float* x, float* out, int64_t n, const float* step_at, float low, float high,
              int threads) {
  const float step = *step_at;
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t i = 0; i < n; ++i) out[i] = on_grid(x[i], step, low, high);
}

// grad_x, and in *log_grad the gradient of log(step).
void quantize_backward(const float* grad, const float* x, float* grad_x, int64_t n,
                       const float* step_at, float low, float high, float* log_grad, int threads) {
  const float step = *step_at;
  const int64_t blocks = (n + BLOCK - 1) / BLOCK;
  std::vector<float> sums(blocks);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t end = (b + 1) * BLOCK < n ? (b + 1) * BLOCK : n;
    float sum = 0.0f;
    for (int64_t i = b * BLOCK; i < end; ++i)
      grad_x[i] = backward(grad[i], x[i], step, low, high, sum);
    sums[b] = sum;
  }
  double total = 0.0;
  for (float sum : sums) total += sum;
  *log_grad = static_cast<float>(total);
}

// As above with a step and bounds for each row; rows of x are `stride` apart, the others' `cols`.
void quantize_rows(const float* x, float* out, int64_t rows, int64_t cols, int64_t stride,
                   const float* step, const float* low, const float* high, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < cols; ++i)
      out[r * cols + i] = on_grid(x[r * stride + i], step[r], low[r], high[r]);
}

void quantize_rows_backward(const float* grad, const float* x, float* grad_x, int64_t rows,
                            int64_t cols, int64_t stride, const float* step, const float* low,
                            const float* high, float* log_grad, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < rows; ++r) {
    float sum = 0.0f;
    for (int64_t i = 0; i < cols; ++i)
      grad_x[r * cols + i] =
          backward(grad[r * cols + i], x[r * stride + i], step[r], low[r], high[r], sum);
    log_grad[r] = sum;
  }
}

// Softmax of each row on the hardware's grid: see quantizers.fake_quantize_probs.
void probabilities(const float* scores, float* probs, int64_t rows, int64_t cols, float levels,
                   float fraction, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < rows; ++r) {
    const float* s = scores + r * cols;
    float* p = probs + r * cols;
    const float most = s[row_max(s, cols)];
    float total = 0.0f;
    for (int64_t i = 0; i < cols; ++i) {
      const float octaves = rintf((s[i] - most) * (LOG2E * fraction)) / fraction;
      p[i] = rintf(exp2_of(octaves) * levels);
      total += p[i];
    }
    for (int64_t i = 0; i < cols; ++i) p[i] = p[i] / total;
  }
}

// The rounding passes gradients straight through, the exponential does not.
void probabilities_backward(const float* grad, const float* scores, const float* probs,
                            float* grad_scores, int64_t rows, int64_t cols, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < rows; ++r) {
    const float *g = grad + r * cols, *s = scores + r * cols, *p = probs + r * cols;
    float* out = grad_scores + r * cols;
    const int64_t at = row_max(s, cols);
    const float most = s[at], per_total = p[at];  // the largest is one before the division
    float mean = 0.0f, sum = 0.0f;
    for (int64_t i = 0; i < cols; ++i) mean += g[i] * p[i];
    for (int64_t i = 0; i < cols; ++i) {
      out[i] = (g[i] - mean) * per_total * exp2_of((s[i] - most) * LOG2E);
      sum += out[i];
    }
    out[at] -= sum;
  }
}

}  // extern "C"
