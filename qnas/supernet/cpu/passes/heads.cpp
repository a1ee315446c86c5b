// Queries, keys and values cut into heads, and heads joined again.
#include "grid.hpp"

extern "C" {

// out[b][i][j][k] = x[b * sb + i * si + j * sj + k] on the grid: quantized, and two axes exchanged.
void quantize_turned(const float* x, float* out, int64_t nb, int64_t ni, int64_t nj, int64_t nk,
                     int64_t sb, int64_t si, int64_t sj, const float* step_at, float low,
                     float high, int threads) {
  const float step = *step_at;
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t b = 0; b < nb; ++b)
    for (int64_t i = 0; i < ni; ++i)
      for (int64_t j = 0; j < nj; ++j) {
        const float* from = x + b * sb + i * si + j * sj;
        float* to = out + ((b * ni + i) * nj + j) * nk;
#pragma omp simd
        for (int64_t k = 0; k < nk; ++k) to[k] = on_grid(from[k], step, low, high);
      }
}

// grad lies as out did, grad_x as x does.
void quantize_turned_backward(const float* grad, const float* x, float* grad_x, int64_t nb,
                              int64_t ni, int64_t nj, int64_t nk, int64_t sb, int64_t si,
                              int64_t sj, const float* step_at, float low, float high,
                              float* log_grad, int threads) {
  const float step = *step_at;
  std::vector<float> sums(nb);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t b = 0; b < nb; ++b) {
    float sum = 0.0f;
    for (int64_t i = 0; i < ni; ++i)
      for (int64_t j = 0; j < nj; ++j) {
        const int64_t at = b * sb + i * si + j * sj;
        const float *g = grad + ((b * ni + i) * nj + j) * nk, *from = x + at;
        float* to = grad_x + at;
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < nk; ++k) {
          const float passed = inside(g[k], from[k], step, low, high);
          sum += g[k] * on_grid(from[k], step, low, high) - passed * from[k];
          to[k] = passed;
        }
      }
    sums[b] = sum;
  }
  *log_grad = total(sums);
}

}  // extern "C"
