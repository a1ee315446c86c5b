// A step of the schedule that is no load and no norm: products of the array, one after the other, and
// a softmax beside them.
#pragma once
#include "gemm.hpp"
#include "loads.hpp"
#include "stages.hpp"

namespace qnas {

constexpr int FEWEST_CALLS = 1, MOST_CALLS = 3;

inline void products(const Step& step, WordStream& words, ActMemory& act, KeyMemory& key,
                     ProbMemory& prob, ScoreMemory& score, ScoreDelayMemory& score_delay,
                     ResidualMemory& residual, WeightMemory& weight, RowParamMemory& row_param,
                     QueryScaleMemory& query_scale, GeluMemory& gelu, LogitMemory& logit,
                     AnswerStream& answers) {
#pragma HLS INLINE off
    const bool beside = step.softmax >= 0;
    const Stage second = STAGES[beside ? step.softmax : step.first];
    Softmax softmax = first_query(second, beside, words);
    // After the products what is left of the softmax.
calls:
    for (int i = 0; i < step.count || softmax.running; ++i) {
#pragma HLS PIPELINE off
#pragma HLS LOOP_TRIPCOUNT min=FEWEST_CALLS max=MOST_CALLS
        const int index = i < step.count ? step.first + i : step.softmax;
        const Stage stage = STAGES[index];
        if (stage.epilogue == TO_GELU) load_gelu(words, gelu);
        engine(stage, second, softmax, words, act, key, prob, score, score_delay, residual, weight,
               row_param, query_scale, gelu, logit);
        if (stage.epilogue == TO_LOGITS) store_logits(logit, answers);
        if (i < step.count) QNAS_TAP(index, stage, act, key, score, residual, logit);
    }
    if (beside) QNAS_TAP(step.softmax, second, prob, query_scale);
}

}  // namespace qnas
