// Drives any block of the twin: vectors from a file, one whenever the block takes one; what leaves
// is written to another. Prints clocks: first vector taken to last result, and those marked busy.
//
// bench INPUT IN_WORDS OUTPUT OUT_WORDS RESULTS     (words of 32 bits a vector)
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "Vtwin.h"
#include "verilated.h"

static void set(CData& port, const uint32_t* words) { port = CData(words[0]); }
static void set(SData& port, const uint32_t* words) { port = SData(words[0]); }
static void set(IData& port, const uint32_t* words) { port = words[0]; }
static void set(QData& port, const uint32_t* words) {
    port = words[0] | (QData(words[1]) << 32);
}
template <std::size_t N>
static void set(VlWide<N>& port, const uint32_t* words) {
    for (std::size_t i = 0; i < N; ++i) port[i] = words[i];
}
static void get(CData port, uint32_t* words) { words[0] = port; }
static void get(SData port, uint32_t* words) { words[0] = port; }
static void get(IData port, uint32_t* words) { words[0] = port; }
static void get(QData port, uint32_t* words) {
    words[0] = uint32_t(port);
    words[1] = uint32_t(port >> 32);
}
template <std::size_t N>
static void get(const VlWide<N>& port, uint32_t* words) {
    for (std::size_t i = 0; i < N; ++i) words[i] = port[i];
}

static std::vector<uint32_t> read_words(const char* path) {
    std::FILE* file = std::fopen(path, "rb");
    if (!file) std::exit(3);
    std::fseek(file, 0, SEEK_END);
    std::vector<uint32_t> words(std::size_t(std::ftell(file)) / 4);
    std::rewind(file);
    if (std::fread(words.data(), 4, words.size(), file) != words.size()) std::exit(3);
    std::fclose(file);
    return words;
}

int main(int argc, char** argv) {
    if (argc != 6) return 3;
    const std::vector<uint32_t> input = read_words(argv[1]);
    const std::size_t in_words = std::atol(argv[2]), out_words = std::atol(argv[4]);
    const std::size_t results = std::atol(argv[5]), vectors = input.size() / in_words;
    std::vector<uint32_t> output;
    const auto twin = std::make_unique<Vtwin>();
    long busy = 0, start = -1, end = -1, idle = 0;
    std::size_t taken = 0, left = 0;
    twin->clk = 0;
    twin->rst = 1;
    twin->in_valid = 0;
    // 4 clocks of reset; it ends when nothing has happened for a long time.
    for (long clock = -4; idle < 4096; ++clock, ++idle) {
        twin->rst = clock < 0;
        twin->in_valid = clock >= 0 && taken < vectors;
        if (taken < vectors) set(twin->in_data, &input[taken * in_words]);
        twin->eval();
        const bool takes = twin->in_valid && twin->in_ready;
        if (takes && start < 0) start = clock;
        if (clock >= 0 && twin->out_valid) {
            output.resize(output.size() + out_words);
            get(twin->out_data, &output[left++ * out_words]);
            end = clock;
            idle = 0;
        }
        if (clock >= 0 && twin->busy) {
            ++busy;
            idle = 0;
        }
        taken += takes;
        if (takes) idle = 0;
        if (left > results) break;
        twin->clk = 1;
        twin->eval();
        twin->clk = 0;
        twin->eval();
    }
    std::FILE* file = std::fopen(argv[3], "wb");
    if (!file || std::fwrite(output.data(), 4, output.size(), file) != output.size()) return 3;
    std::fclose(file);
    std::printf("%zu %zu %ld %ld\n", taken, left, end - start, busy);
    twin->final();
    return 0;
}
