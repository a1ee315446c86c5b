// The kernel behind a C function, for the host's `sim` backend: `make sim` compiles it.
// Bytes come and go as they would through the board's memory; weights a port after the other.
#include "../tb/project.hpp"
#include "stages.hpp"
#include "../tb/vectors.hpp"

extern "C" void qnas_simulate(int network, const uint8_t* weights, const uint8_t* image,
                              uint8_t* logits) {
    const int words = qnas::NETWORKS[network].stream_words;
    std::vector<qnas::port_word_t> weight_words(size_t(words) * plan::WEIGHT_PORTS,
                                                 qnas::port_word_t(0));
    std::vector<qnas::port_word_t> image_words(plan::IMAGE_WORDS, qnas::port_word_t(0));
    std::vector<ap_int<32>> answer(plan::CLASSES, ap_int<32>(0));
    const qnas::port_word_t* weight_ports[plan::WEIGHT_PORTS];
    for (int p = 0; p < plan::WEIGHT_PORTS; ++p)
        weight_ports[p] = weight_words.data() + size_t(p) * words;
    tb::pack(weights, weight_words.data(), words * plan::WEIGHT_PORTS);
    tb::pack(image, image_words.data(), plan::IMAGE_WORDS);
    project::kernel(weight_ports, image_words.data(), answer.data(), 1, network);
    for (int i = 0; i < plan::CLASSES; ++i)
        for (int b = 0; b < 4; ++b) logits[4 * i + b] = uint8_t(uint32_t(int(answer[i])) >> (8 * b));
}
