// Weight matrices: each row on the grid of its width.
#include <cstring>

#include "grid.hpp"

extern "C" {

// The first `rows` rows and `cols` inputs of a matrix, row r on the grid of its width and times
// scale[r] where there is one; biases likewise. Rows are `stride` apart.
void quantize_matrix(const float* w, const float* bias, const float* log_step4,
                     const float* log_step8, const uint8_t* is_w8, const float* scale, float* out,
                     float* out_bias, int64_t rows, int64_t cols, int64_t stride, float low4,
                     float high4, float limit8, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < rows; ++r) {
    const float step = expf(is_w8[r] ? log_step8[r] : log_step4[r]), factor = scale ? scale[r] : 1;
    const float low = is_w8[r] ? -limit8 : low4, high = is_w8[r] ? limit8 : high4;
    const float* from = w + r * stride;
    float* to = out + r * cols;
    out_bias[r] = bias[r] * factor;
    for (int64_t i = 0; i < cols; ++i) to[i] = on_grid(from[i], step, low, high) * factor;
  }
}

// Gradients as large as the whole parameters, (all_rows, stride): zero beyond the leading part.
void quantize_matrix_backward(const float* grad, const float* grad_bias, const float* w,
                              const float* bias, const float* log_step4, const float* log_step8,
                              const uint8_t* is_w8, const float* scale, float* to_w, float* to_bias,
                              float* to_log4, float* to_log8, float* to_scale, int64_t rows,
                              int64_t cols, int64_t stride, int64_t all_rows, float low4,
                              float high4, float limit8, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < all_rows; ++r) {
    float* to = to_w + r * stride;
    to_bias[r] = to_log4[r] = to_log8[r] = 0.0f;
    std::memset(to, 0, (r < rows ? 0 : stride) * sizeof(float));
    if (r >= rows) continue;
    const bool wide = is_w8[r];
    const float step = expf(wide ? log_step8[r] : log_step4[r]), factor = scale ? scale[r] : 1;
    const float low = wide ? -limit8 : low4, high = wide ? limit8 : high4;
    const float *g = grad + r * cols, *from = w + r * stride;
    float along = 0.0f, straight = 0.0f;
    for (int64_t i = 0; i < cols; ++i) {
      const float passed = inside(g[i], from[i], step, low, high);
      along += g[i] * on_grid(from[i], step, low, high);
      straight += passed * from[i];
      to[i] = passed * factor;
    }
    std::memset(to + cols, 0, (stride - cols) * sizeof(float));
    to_bias[r] = grad_bias[r] * factor;
    (wide ? to_log8 : to_log4)[r] = (along - straight) * factor;
    if (to_scale) to_scale[r] = along + grad_bias[r] * bias[r];
  }
}

}  // extern "C"
