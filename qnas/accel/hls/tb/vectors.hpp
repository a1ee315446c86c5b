// Files of the test bench: the weight stream, and vectors (images with what every stage must give).
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "project.hpp"
#include "types.hpp"

namespace tb {

[[noreturn]] inline void stop(const std::string& message) {
    std::fprintf(stderr, "test bench: %s\n", message.c_str());
    std::exit(2);
}

class File {
  public:
    explicit File(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "rb")) {
        if (!file_) stop("cannot open " + path);
    }
    ~File() { std::fclose(file_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    template <class T>
    void read(std::vector<T>& values) {
        if (std::fread(values.data(), sizeof(T), values.size(), file_) != values.size())
            stop(path_ + " ends too early");
    }
    bool at_end() { return std::fgetc(file_) == EOF; }

  private:
    std::string path_;
    std::FILE* file_;
};

inline uint32_t crc32(const std::vector<uint8_t>& bytes) {
    uint32_t crc = ~0u;
    for (uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0u);
    }
    return ~crc;
}

// Bytes to port words, lowest byte first.
inline void pack(const uint8_t* bytes, qnas::port_word_t* words, int count) {
    for (int w = 0; w < count; ++w)
        for (int b = 0; b < plan::PORT_BITS / 8; ++b)
            words[w].range(8 * b + 7, 8 * b) = *bytes++;
}

// What one port brings of the weight stream, once its length and its checksum are what the project
// was made with.
inline std::vector<qnas::port_word_t> read_weights(const std::string& path, uint32_t crc,
                                                   int count) {
    std::vector<uint8_t> bytes(size_t(count) * plan::PORT_BITS / 8);
    File file(path);
    file.read(bytes);
    if (!file.at_end()) stop(path + " is too long");
    if (crc32(bytes) != crc) stop(path + " is damaged: its CRC-32 differs from the project's");
    std::vector<qnas::port_word_t> words(size_t(count), qnas::port_word_t(0));
    pack(bytes.data(), words.data(), count);
    return words;
}

// An image as one network takes it, (patches, patch_dim), and the results of all stages.
struct Record {
    std::vector<int8_t> pixels;
    std::vector<int32_t> values;
};

// Vectors, an image at a time: "QNASVEC2", then int32 images, pixels of one image, and networks;
// for each network its int32 index and values of one image; int32 labels of all images; and for each
// image and each network int8 pixels (as the network quantizes them) and int32 values.
class Vectors {
  public:
    explicit Vectors(const std::string& path) : path_(path), file_(path) {
        std::vector<char> magic(8);
        file_.read(magic);
        if (std::memcmp(magic.data(), "QNASVEC2", 8) != 0) stop(path + " holds no vectors");
        std::vector<int32_t> header(3);
        file_.read(header);
        if (header[1] != project::PIXELS || header[2] < 1 || header[2] > plan::NETWORKS)
            stop(path + " belongs to another network");
        for (int n = 0; n < header[2]; ++n) read_network();
        labels.resize(size_t(header[0]));
        file_.read(labels);
    }

    int images() const { return int(labels.size()); }
    Record next(int network) {
        Record record;
        record.pixels.resize(size_t(project::PIXELS));
        record.values.resize(size_t(project::NETWORKS[network].values));
        file_.read(record.pixels);
        file_.read(record.values);
        return record;
    }

    std::vector<int> networks;  // their indices, in the order in which they run
    std::vector<int32_t> labels;

  private:
    void read_network() {
        std::vector<int32_t> facts(2);
        file_.read(facts);
        const bool known = facts[0] >= 0 && facts[0] < plan::NETWORKS;
        if (!known || facts[1] != project::NETWORKS[facts[0]].values)
            stop(path_ + " belongs to another network");
        networks.push_back(facts[0]);
    }

    std::string path_;
    File file_;
};

// Behind what the port delivers already, one image more: each patch starts a word.
inline void pack_image(const std::vector<int8_t>& pixels, int patches,
                       std::vector<qnas::port_word_t>& port) {
    const int channels = int(pixels.size()) / patches;
    const int groups = (channels + plan::PATCH_LANES - 1) / plan::PATCH_LANES;
    std::vector<uint8_t> bytes(size_t(plan::IMAGE_WORDS) * plan::PORT_BITS / 8, 0);
    for (int patch = 0; patch < patches; ++patch)
        for (int c = 0; c < channels; ++c) {
            const int word = patch * groups + c / plan::PATCH_LANES;
            bytes[size_t(word) * plan::PORT_BITS / 8 + c % plan::PATCH_LANES] =
                uint8_t(pixels[size_t(patch) * channels + c]);
        }
    port.resize(port.size() + plan::IMAGE_WORDS, qnas::port_word_t(0));
    pack(bytes.data(), port.data() + port.size() - plan::IMAGE_WORDS, plan::IMAGE_WORDS);
}

}  // namespace tb
