// What runs the kernel: XRT on a card or a Versal board (QNAS_XRT), else the C simulation.
#pragma once
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "design.hpp"

#ifdef QNAS_XRT
#include <xrt/xrt_bo.h>
#include <xrt/xrt_device.h>
#include <xrt/xrt_kernel.h>
#endif

using Bytes = std::vector<uint8_t>;

// The polynomial of Ethernet and zlib, a bit at a time.
inline uint32_t crc32_of(const Bytes& data) {
    uint32_t found = ~0u;
    for (uint8_t byte : data) {
        found ^= byte;
        for (int bit = 0; bit < 8; ++bit) found = found >> 1 ^ (found & 1 ? 0xEDB88320u : 0u);
    }
    return ~found;
}

// What a port of the weight stream reads, once its length and its checksum are the project's.
inline Bytes weights_of(const std::string& project, const design::File& file) {
    const std::string path = project + "/" + file.path;
    std::ifstream in(path, std::ios::binary);
    Bytes data((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (long(data.size()) != file.bytes || crc32_of(data) != file.crc32)
        throw std::runtime_error(path + " must be as it was exported. Copy the project again.");
    return data;
}

// A kernel that takes several images a pass runs whole passes: the last one is filled with the last
// image. Returns the images of the call.
inline int fill_passes(Bytes& images, int count) {
    const int filled = (count + design::PASS_IMAGES - 1) / design::PASS_IMAGES * design::PASS_IMAGES;
    const Bytes last(images.end() - design::IMAGE_BYTES, images.end());
    for (int i = count; i < filled; ++i) images.insert(images.end(), last.begin(), last.end());
    return filled;
}

#ifdef QNAS_XRT
class Kernel {
   public:
    static constexpr const char* NEEDS = "the .xclbin that v++ linked";
    static constexpr bool SIMULATED = false;

    Kernel(const std::string& project, const std::string& binary, int network, int batch)
        : device_(0), kernel_(device_, device_.load_xclbin(binary), "qnas_top"), call_(kernel_) {
        for (const design::File& file : design::NETWORK[network].weights) {
            const Bytes data = weights_of(project, file);
            weights_.push_back(buffer(int(weights_.size()), data.size()));
            send(weights_.back(), data.data(), data.size());
            call_.set_arg(int(weights_.size()) - 1, weights_.back());
        }
        const int first = design::WEIGHT_PORTS;
        const size_t most = size_t(batch) + design::PASS_IMAGES - 1;
        image_ = buffer(first, most * design::IMAGE_BYTES);
        logits_ = buffer(first + 1, most * design::CLASSES * sizeof(int32_t));
        call_.set_arg(first, image_);
        call_.set_arg(first + 1, logits_);
        if (design::NETWORKS > 1) call_.set_arg(first + 3, network);
    }
    void run(Bytes images, int count, int32_t* logits) {
        call_.set_arg(design::WEIGHT_PORTS + 2, fill_passes(images, count));
        send(image_, images.data(), images.size());
        call_.start();
        call_.wait();
        const size_t size = size_t(count) * design::CLASSES * sizeof(int32_t);
        logits_.sync(XCL_BO_SYNC_BO_FROM_DEVICE, size, 0);
        logits_.read(logits, size, 0);
    }

   private:
    xrt::bo buffer(int argument, size_t size) {
        return xrt::bo(device_, size, kernel_.group_id(argument));
    }
    static void send(xrt::bo& buffer, const uint8_t* data, size_t size) {
        buffer.write(data, size, 0);
        buffer.sync(XCL_BO_SYNC_BO_TO_DEVICE, size, 0);
    }

    xrt::device device_;
    xrt::kernel kernel_;
    xrt::run call_;
    std::vector<xrt::bo> weights_;
    xrt::bo image_, logits_;
};
#else
extern "C" void qnas_simulate(int network, int images, const uint8_t* weights, const uint8_t* image,
                              uint8_t* logits);

class Kernel {
   public:
    static constexpr const char* NEEDS = "";
    static constexpr bool SIMULATED = true;

    Kernel(const std::string& project, const std::string&, int network, int) : network_(network) {
        for (const design::File& file : design::NETWORK[network].weights) {
            const Bytes data = weights_of(project, file);
            weights_.insert(weights_.end(), data.begin(), data.end());
        }
    }
    void run(Bytes images, int count, int32_t* logits) {
        const int filled = fill_passes(images, count);
        Bytes answers(size_t(filled) * design::CLASSES * 4);
        qnas_simulate(network_, filled, weights_.data(), images.data(), answers.data());
        for (size_t i = 0; i < size_t(count) * design::CLASSES; ++i) {
            uint32_t value = 0;
            for (int b = 3; b >= 0; --b) value = value << 8 | answers[4 * i + b];
            logits[i] = int32_t(value);
        }
    }

   private:
    int network_;
    Bytes weights_;
};
#endif
