// The kernel behind a C function, for the host's `sim` backend: `make sim` compiles it.
// Bytes come and go as they would through the board's memory: weights a port after the other, images
// and logits an image after the other.
#include <cstdio>
#include <cstdlib>

#include "../tb/project.hpp"
#include "stages.hpp"
#include "../tb/vectors.hpp"

extern "C" void qnas_simulate(int network, int images, const uint8_t* weights,
                              const uint8_t* image, uint8_t* logits) {
    if (images % plan::BATCH != 0) {  // a board would read on behind the images, or not end
        std::fprintf(stderr, "`images` must be a multiple of %d, the images of a pass; got %d. Fill the "
                             "last pass.\n", plan::BATCH, images);
        std::exit(2);
    }
    const int words = qnas::NETWORKS[network].stream_words;
    std::vector<qnas::port_word_t> weight_words(size_t(words) * plan::WEIGHT_PORTS,
                                                 qnas::port_word_t(0));
    std::vector<qnas::port_word_t> image_words(size_t(plan::IMAGE_WORDS) * images,
                                                qnas::port_word_t(0));
    std::vector<ap_int<32>> answers(size_t(plan::CLASSES) * images, ap_int<32>(0));
    const qnas::port_word_t* weight_ports[plan::WEIGHT_PORTS];
    for (int p = 0; p < plan::WEIGHT_PORTS; ++p)
        weight_ports[p] = weight_words.data() + size_t(p) * words;
    tb::pack(weights, weight_words.data(), words * plan::WEIGHT_PORTS);
    tb::pack(image, image_words.data(), plan::IMAGE_WORDS * images);
    project::kernel(weight_ports, image_words.data(), answers.data(), images, network);
    for (const ap_int<32>& answer : answers)
        for (int b = 0; b < 4; ++b) *logits++ = uint8_t(uint32_t(int(answer)) >> (8 * b));
}
