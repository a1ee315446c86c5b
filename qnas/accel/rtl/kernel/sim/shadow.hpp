// What the memories of the kernel hold, as their write ports say.
#pragma once
#include <cstdint>
#include <vector>

namespace sim {

// `width` bits of a Verilator signal from bit `low` on, 64 at most.
template <class Signal>
uint64_t bits(const Signal& signal, int low, int width) {
    const uint64_t word = uint64_t(signal) >> low;
    return width == 64 ? word : word & ((uint64_t(1) << width) - 1);
}
template <std::size_t N>
uint64_t bits(const VlWide<N>& signal, int low, int width) {
    uint64_t found = 0;
    for (int bit = 0; bit < width;) {
        const int word = (low + bit) / 32, at = (low + bit) % 32;
        found |= uint64_t(uint32_t(signal[word]) >> at) << bit;
        bit += 32 - at;
    }
    return width == 64 ? found : found & ((uint64_t(1) << width) - 1);
}
template <class Signal>
bool any(const Signal& signal) {
    return signal != 0;
}
template <std::size_t N>
bool any(const VlWide<N>& signal) {
    uint32_t found = 0;
    for (std::size_t i = 0; i < N; ++i) found |= signal[i];
    return found != 0;
}

// A buffer: `rows` of `banks` words of `width` bits. Neighbouring banks share a row where
// there are fewer `write_rows` than banks.
struct Shadow {
    int width, banks, rows, write_rows;
    std::vector<uint32_t> words;

    Shadow(int width, int banks, int rows, int write_rows)
        : width(width), banks(banks), rows(rows), write_rows(write_rows),
          words(std::size_t(rows) * banks) {}

    template <class Write, class Row, class Data>
    void observe(const Write& write, const Row& to, const Data& d, int row_bits) {
        if (!any(write)) return;
        for (int bank = 0; bank < banks; ++bank) {
            if (!bits(write, bank, 1)) continue;
            const int row = int(bits(to, bank * write_rows / banks * row_bits, row_bits));
            if (row >= rows) continue;
            words[std::size_t(row) * banks + bank] = uint32_t(bits(d, bank * width, width));
        }
    }
};

}  // namespace sim
