// Passes over activations and weights that torch would make of four to ten operators each, every one
// a trip through memory. Compiled on first use by native.py; fused.py calls them, and has the same
// of torch's operators. Sums run over blocks of fixed length and then over the blocks, so that they
// are the same bit for bit at any number of threads.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int64_t BLOCK_ROWS = 64;
constexpr float LOG2E = 1.44269504088896f, GELU_MIN = -0.17f;

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

float total(const std::vector<float>& sums) {
  double all = 0.0;
  for (float sum : sums) all += sum;
  return static_cast<float>(all);
}

int64_t blocks_of(int64_t rows) { return (rows + BLOCK_ROWS - 1) / BLOCK_ROWS; }

int64_t end_of(int64_t block, int64_t rows) {
  return (block + 1) * BLOCK_ROWS < rows ? (block + 1) * BLOCK_ROWS : rows;
}

// GELU between two quantizers is a function of the first one's few hundred integers: tables of what
// comes out, of its slope in the first one's output, and of what an element adds to the gradient of
// the second step's logarithm.
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
