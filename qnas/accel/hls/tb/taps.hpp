// Results of the stages, read out of the memories in the canonical order of the reference, image by
// image.
// Included by the test bench alone: it defines what trace.hpp declares.
#pragma once
#include <cstdint>
#include <vector>

#include "trace.hpp"

namespace qnas {
namespace trace {
Counts counts;
bool packed = true;
}
}  // namespace qnas

namespace tb {
namespace {

using qnas::Stage;
typedef std::vector<int32_t> Values;

// Called with the result of each stage that ran: those of all images of the pass, one after the other.
typedef void (*StageCallback)(int index, const Values& values, const qnas::trace::Counts& counts);
StageCallback on_stage = nullptr;

// Element (token, channel) of a tensor in activation memory.
template <class Memory>
int32_t element(const Memory& memory, int base, int stride, int token, int channel) {
    const int row = base + token / plan::TT * stride + channel / plan::TK;
    const int lane = token % plan::TT;
    return memory[row][qnas::act_bank(lane, channel % plan::TK)][lane % plan::ACT_WORD];
}

template <class Memory>
void matrix(const Memory& memory, int base, int stride, int tokens, int channels, Values& out) {
    for (int token = 0; token < tokens; ++token)
        for (int channel = 0; channel < channels; ++channel)
            out.push_back(element(memory, base, stride, token, channel));
}

// (heads, tokens, channels): one matrix a head.
template <class Memory>
void heads(const Memory& memory, const Stage& stage, int base, int tokens, int channels,
           Values& out) {
    for (int head = 0; head < stage.rows / plan::HEAD_DIM; ++head)
        matrix(memory, base + head * stage.dst_group_stride, stage.dst_stride, tokens, channels,
               out);
}

void keys(const Stage& stage, const qnas::KeyMemory& key, int image, Values& out) {
    const int base = image * plan::KEY_IMAGE_ROWS + stage.dst_base;
    for (int head = 0; head < stage.rows / plan::HEAD_DIM; ++head)
        for (int token = 0; token < stage.tokens; ++token)
            for (int channel = 0; channel < plan::HEAD_DIM; ++channel) {
                const int row = base + head * stage.dst_group_stride +
                                token * plan::KEY_STRIDE + channel / plan::TK;
                out.push_back(key[row][(token + channel) % plan::TK]);
            }
}

void residual_stream(const Stage& stage, const qnas::ResidualMemory& residual, int image,
                     Values& out) {
    const int base = image * plan::RESIDUAL_IMAGE_ROWS;
    for (int token = 0; token < plan::TOKENS; ++token)
        for (int channel = 0; channel < stage.rows; ++channel)
            out.push_back(
                residual[base + token * plan::RESIDUAL_STRIDE + channel / plan::RESIDUAL_BANKS]
                        [(token + channel) % plan::RESIDUAL_BANKS]);
}

void scores(const Stage& stage, const qnas::ScoreMemory& score, int image, Values& out) {
    const int first =
        qnas::half_base<plan::SCORE_ROWS>(stage.half) + image * plan::SCORE_IMAGE_ROWS;
    for (int key = 0; key < stage.rows; ++key)
        for (int query = 0; query < stage.tokens; ++query)
            out.push_back(score[first + query * plan::SCORE_STRIDE + key / plan::SCORE_BANKS]
                               [(plan::SCORE_PAIRS * query + key) % plan::SCORE_BANKS]);
}

void probabilities(const Stage& stage, const qnas::ProbMemory& prob,
                   const qnas::QueryScaleMemory& query_scale, int image, Values& out) {
    const int first = qnas::half_base<plan::PROB_ROWS>(stage.half) + image * plan::PROB_IMAGE_ROWS;
    for (int query = 0; query < stage.tokens; ++query)
        for (int key = 0; key < stage.inner; ++key)
            out.push_back(prob[first + query / plan::LOAD_PAIRS * plan::PROB_STRIDE + key / plan::TK]
                              [query % plan::LOAD_PAIRS][key % plan::TK]);
    constexpr int banks = plan::DRAIN_PAIRS;
    const int scales =
        qnas::half_base<plan::QUERY_SCALE_ROWS>(stage.half) + image * plan::QUERY_SCALE_IMAGE_ROWS;
    for (int query = 0; query < stage.tokens; ++query) {
        const ap_uint<24> scale = query_scale[scales + query / banks][query % banks];
        out.push_back(qnas::mult_t(ap_uint<18>(scale.range(17, 0))));
    }
    for (int query = 0; query < stage.tokens; ++query) {
        const ap_uint<24> scale = query_scale[scales + query / banks][query % banks];
        out.push_back(ap_uint<6>(scale.range(23, 18)));
    }
}

void attended(const Stage& stage, const qnas::ActMemory& act, int base, Values& out) {
    for (int token = 0; token < stage.rows; ++token)
        for (int channel = 0; channel < stage.tokens; ++channel)
            out.push_back(element(act, base, stage.dst_stride, token,
                                  stage.head * plan::HEAD_DIM + channel));
}

void read_result(const Stage& stage, const qnas::ActMemory& act, const qnas::KeyMemory& key,
                 const qnas::ScoreMemory& score, const qnas::ResidualMemory& residual,
                 const qnas::LogitMemory& logit, int image, Values& out) {
    const int base = stage.dst_base + image * plan::ACT_IMAGE_ROWS;
    switch (stage.dst) {
        case qnas::RESIDUAL: residual_stream(stage, residual, image, out); break;
        case qnas::QUERY: heads(act, stage, base, stage.tokens, plan::HEAD_DIM, out); break;
        case qnas::KEY: keys(stage, key, image, out); break;
        case qnas::VALUE: heads(act, stage, base, plan::HEAD_DIM, stage.tokens, out); break;
        case qnas::SCORES: scores(stage, score, image, out); break;
        case qnas::ATTENDED: attended(stage, act, base, out); break;
        case qnas::LOGITS:
            for (int i = 0; i < plan::CLASSES; ++i)
                out.push_back(logit[image * plan::LOGIT_IMAGE_ROWS + i]);
            break;
        default:  // patches, normed, hidden
            matrix(act, base, stage.dst_stride, stage.tokens, stage.rows, out);
    }
}

// Hands on a stage's result and the counts of its loops, which start again. A softmax may run beside
// other stages, whose loops are others.
void report_stage(int index, const Values& values, int first_loop, int loops) {
    qnas::trace::Counts of_stage = qnas::trace::Counts();
    for (int l = first_loop; l < first_loop + loops; ++l) {
        of_stage.trips[l] = qnas::trace::counts.trips[l];
        of_stage.entries[l] = qnas::trace::counts.entries[l];
        qnas::trace::counts.trips[l] = qnas::trace::counts.entries[l] = 0;
    }
    if (on_stage) on_stage(index, values, of_stage);
}

}  // namespace
}  // namespace tb

void qnas::trace::tap(int index, const Stage& stage, const ActMemory& act, const KeyMemory& key,
                      const ScoreMemory& score, const ResidualMemory& residual,
                      const LogitMemory& logit) {
    static std::vector<int32_t> values;
    values.clear();
    for (int image = 0; image < plan::BATCH; ++image)
        tb::read_result(stage, act, key, score, residual, logit, image, values);
    tb::report_stage(index, values, 0, SCALARS);
}

void qnas::trace::tap(int index, const Stage& stage, const ProbMemory& prob,
                      const QueryScaleMemory& query_scale) {
    static std::vector<int32_t> values;
    values.clear();
    for (int image = 0; image < plan::BATCH; ++image)
        tb::probabilities(stage, prob, query_scale, image, values);
    tb::report_stage(index, values, SCALARS, LOOPS - SCALARS);
}
