// The two sides of a step: a softmax, and other stages beside it. Where there are two of each
// attention buffer the sides share no memory and no stream, so that both run at once.
#pragma once
#include "gemm.hpp"
#include "loads.hpp"
#include "softmax.hpp"
#include "stages.hpp"

namespace qnas {

constexpr int FEWEST_PRODUCTS = 0, MOST_PRODUCTS = 2;

// Read before the sides start, since both would read the stream.
inline SoftmaxScalars softmax_parameters(const Step& step, WordStream& words) {
#pragma HLS INLINE off
    SoftmaxScalars scalars = {0, 0, 0, 0};
    if (step.softmax >= 0) scalars = load_softmax_parameters(words);
    return scalars;
}

inline void softmax(const Step& step, const SoftmaxScalars& scalars, const ScoreMemory& score,
                    ProbMemory& prob, QueryScaleMemory& query_scale) {
#pragma HLS INLINE off
    if (step.softmax < 0) return;
    const Stage stage = STAGES[step.softmax];
    softmax_passes(stage, scalars, score, prob, query_scale);
    QNAS_TAP(step.softmax, stage, prob, query_scale);
}

inline void products(const Step& step, WordStream& words, ActMemory& act, KeyMemory& key,
                     const ProbMemory& prob, ScoreMemory& score, ResidualMemory& residual,
                     WeightMemory& weight, RowParamMemory& row_param,
                     const QueryScaleMemory& query_scale, GeluMemory& gelu, LogitMemory& logit,
                     ap_int<32>* logits) {
#pragma HLS INLINE off
gemms:
    for (int i = 0; i < step.count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_PRODUCTS max=MOST_PRODUCTS
        const int index = step.first + i;
        const Stage stage = STAGES[index];
        gemm(stage, words, act, key, prob, score, residual, weight, row_param, query_scale, gelu,
             logit);
        if (stage.epilogue == TO_LOGITS) store_logits(logit, logits);
        QNAS_TAP(index, stage, act, key, score, residual, logit);
    }
}

}  // namespace qnas
