// Additions to the residual stream.
#include "grid.hpp"

extern "C" {

// residual + update on the grid of `step`, a power of two; residuals lie `stride` apart, or 0.
void add_on_grid(const float* residual, const float* update, float* out, int64_t batch, int64_t n,
                 int64_t stride, float step, int threads) {
  const float inverse = 1.0f / step;
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t b = 0; b < batch; ++b) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
      out[b * n + i] = residual[b * stride + i] + rintf(update[b * n + i] * inverse) * step;
  }
}

}  // extern "C"
