// The kernel behind a C function, for the host's `sim` backend: `make sim` compiles it.
// Bytes come and go as they would through the board's memory.
#include "qnas_top.hpp"
#include "../tb/vectors.hpp"

extern "C" void qnas_simulate(const uint8_t* weights, const uint8_t* image, uint8_t* logits) {
    std::vector<qnas::word_t> weight_words(plan::WEIGHT_STREAM_WORDS, qnas::word_t(0));
    std::vector<qnas::word_t> image_words(plan::IMAGE_WORDS, qnas::word_t(0));
    std::vector<ap_int<32>> answer(plan::CLASSES, ap_int<32>(0));
    tb::pack(weights, weight_words.data(), plan::WEIGHT_STREAM_WORDS);
    tb::pack(image, image_words.data(), plan::IMAGE_WORDS);
    qnas_top(weight_words.data(), image_words.data(), answer.data());
    for (int i = 0; i < plan::CLASSES; ++i)
        for (int b = 0; b < 4; ++b) logits[4 * i + b] = uint8_t(uint32_t(int(answer[i])) >> (8 * b));
}
