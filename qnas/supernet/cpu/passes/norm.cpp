// LayerNorm and the quantizer behind it.
#include <cstring>

#include "grid.hpp"

extern "C" {

// LayerNorm of each row, on the grid. Mean and reciprocal deviation of a row are kept in `moments`.
void quantize_norm(const float* x, float* out, float* moments, int64_t rows, int64_t cols,
                   const float* gain, const float* bias, float epsilon, const float* step_at,
                   float limit, int threads) {
  const float step = *step_at;
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * cols;
    float sum = 0.0f, square = 0.0f;
    for (int64_t i = 0; i < cols; ++i) sum += row[i];
    const float mean = sum / cols;
    for (int64_t i = 0; i < cols; ++i) square += (row[i] - mean) * (row[i] - mean);
    const float scale = 1.0f / sqrtf(square / cols + epsilon);
    for (int64_t i = 0; i < cols; ++i)
      out[r * cols + i] = on_grid((row[i] - mean) * scale * gain[i] + bias[i], step, -limit, limit);
    moments[2 * r] = mean, moments[2 * r + 1] = scale;
  }
}

void quantize_norm_backward(const float* grad, const float* x, const float* moments, float* grad_x,
                            int64_t rows, int64_t cols, const float* gain, const float* bias,
                            const float* step_at, float limit, float* grad_gain, float* grad_bias,
                            float* log_grad, int threads) {
  const float step = *step_at;
  const int64_t blocks = blocks_of(rows);
  std::vector<float> sums(blocks), parts(2 * blocks * cols, 0.0f);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t b = 0; b < blocks; ++b) {
    std::vector<float> kept(2 * cols);
    float *normal = kept.data(), *passed = normal + cols;
    float *d_gain = parts.data() + 2 * b * cols, *d_bias = d_gain + cols, log_sum = 0.0f;
    for (int64_t r = b * BLOCK_ROWS; r < end_of(b, rows); ++r) {
      const float mean = moments[2 * r], scale = moments[2 * r + 1];
      const float *row = x + r * cols, *g = grad + r * cols;
      float sum = 0.0f, along = 0.0f;
      for (int64_t i = 0; i < cols; ++i) {
        const float n = (row[i] - mean) * scale, y = n * gain[i] + bias[i];
        const float p = inside(g[i], y, step, -limit, limit);
        log_sum += g[i] * on_grid(y, step, -limit, limit) - p * y;
        d_gain[i] += p * n;
        d_bias[i] += p;
        normal[i] = n;
        passed[i] = p * gain[i];
        sum += passed[i];
        along += passed[i] * n;
      }
      sum /= cols, along /= cols;
      for (int64_t i = 0; i < cols; ++i)
        grad_x[r * cols + i] = scale * (passed[i] - sum - normal[i] * along);
    }
    sums[b] = log_sum;
  }
  std::memset(grad_gain, 0, cols * sizeof(float));
  std::memset(grad_bias, 0, cols * sizeof(float));
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t i = 0; i < cols; ++i) {
      grad_gain[i] += parts[2 * b * cols + i];
      grad_bias[i] += parts[(2 * b + 1) * cols + i];
    }
  *log_grad = total(sums);
}

}  // extern "C"
