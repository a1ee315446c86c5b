// GELU between two quantizers.
#include "grid.hpp"

namespace {

constexpr float GELU_MIN = -0.17f;

// The whole is a function of the first quantizer's few hundred integers: tables of what comes out, of
// its slope in the first one's output, and of what an element adds to the gradient of the second
// step's logarithm.
struct Hidden {
  std::vector<float> out, slope, excess;

  Hidden(float step_in, float step_out, int first, int last, int levels) {
    const float least = floorf(GELU_MIN / step_out);
    const float low = std::isfinite(least) ? least : -1.0f, high = low + levels;
    for (int i = first; i <= last; ++i) {
      const float x = i * step_in, half = 0.5f * (1.0f + erff(x * 0.70710678f)), y = x * half;
      const float density = 0.39894228f * expf(-0.5f * x * x);
      const float q = on_grid(y, step_out, low, high);
      out.push_back(q);
      slope.push_back(inside(half + x * density, y, step_out, low, high));
      excess.push_back(q - inside(y, y, step_out, low, high));
    }
  }
};

// Where an integer stands in the tables; a NaN at the first.
inline int32_t place(float q, float first) {
  return static_cast<int32_t>((q == q ? q : first) - first);
}

}  // namespace

extern "C" {

// Quantized, through GELU, and quantized: integers first..last in, `levels` + 1 of them out.
void quantize_hidden(const float* x, float* out, int64_t rows, int64_t cols, const float* step_in,
                     const float* step_out, int first, int last, int levels, int threads) {
  const Hidden hidden(*step_in, *step_out, first, last, levels);
  const float *table = hidden.out.data(), step = *step_in, low = first, high = last;
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < rows; ++r) {
#pragma omp simd
    for (int64_t i = r * cols; i < (r + 1) * cols; ++i) {
      const float q = clamped(rintf(x[i] / step), low, high);
      out[i] = q == q ? table[place(q, low)] : q;
    }
  }
}

void quantize_hidden_backward(const float* grad, const float* x, float* grad_x, int64_t rows,
                              int64_t cols, const float* step_in, const float* step_out, int first,
                              int last, int levels, float* log_grad_in, float* log_grad_out,
                              int threads) {
  const Hidden hidden(*step_in, *step_out, first, last, levels);
  const float *slope = hidden.slope.data(), *excess = hidden.excess.data();
  const float step = *step_in, low = first, high = last;
  const int64_t blocks = blocks_of(rows);
  std::vector<float> sums_in(blocks), sums_out(blocks);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t b = 0; b < blocks; ++b) {
    float sum_in = 0.0f, sum_out = 0.0f;
#pragma omp simd reduction(+ : sum_in, sum_out)
    for (int64_t i = b * BLOCK_ROWS * cols; i < end_of(b, rows) * cols; ++i) {
      const float q = clamped(rintf(x[i] / step), low, high);
      const int32_t at = place(q, low);
      const float g = grad[i] * slope[at], passed = inside(g, x[i], step, low, high);
      grad_x[i] = passed;
      sum_in += g * q * step - passed * x[i];
      sum_out += grad[i] * excess[at];
    }
    sums_in[b] = sum_in, sums_out[b] = sum_out;
  }
  *log_grad_in = total(sums_in), *log_grad_out = total(sums_out);
}

}  // extern "C"
