// When values are there, for the analysis (accel/hls/analysis): which of the values that a loop
// carries, of its memories and of its start a value follows from, and how long after each of them it
// is known. Times are a cycle and picoseconds in it; operations are chained in a cycle as long as it
// lasts, as a scheduler does.
//
// An arrival is a set of (source, cycle, picoseconds), kept once and numbered. What is computed of
// two arrivals is remembered, so that the thousands of equal products of an array cost a look-up.
#ifndef QNAS_TIMING_ARRIVAL_HPP
#define QNAS_TIMING_ARRIVAL_HPP

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <unordered_map>
#include <vector>

namespace timing {

typedef uint32_t Node;  // number of an arrival
constexpr Node CONSTANT = 0;   // known when the C++ is compiled
constexpr Node INVARIANT = 1;  // known before the loop starts
constexpr Node START = 2;      // an iteration's start
constexpr uint32_t START_SOURCE = 0;

// Delays in picoseconds, latencies in cycles: qnas/accel/hls/analysis/delays.toml.
struct Delays {
    int period, add, add_bit, compare, compare_bit, compare_most, select, logic, shift_level, multiply_level;
    int carry, dsp_cycles, dsp, bram_cycles, bram, lutram_cycles, lutram, uram_cycles, uram, rom;
    int fifo, index;
    int wide_bits, narrow_bits;  // that one DSP multiplies
};

// One program is one source: what is global is static, and costs no look at whether it is there.
static Delays the_delays;
inline Delays& delays() { return the_delays; }

enum Operation {
    JOIN, SLICE, ADD, COMPARE, SELECT, LOGIC, SHIFT, MULTIPLY_DSP, MULTIPLY_LUT, LOAD_BRAM, LOAD_LUTRAM,
    LOAD_URAM, STORE_BRAM,
    STORE_LUTRAM, STORE_URAM, ROM, FIFO, INDEX, CARRY,
    CYCLE
};

struct Entry {
    uint32_t source;
    int cycle, ps;
    bool operator==(const Entry& other) const {
        return source == other.source && cycle == other.cycle && ps == other.ps;
    }
};

struct Arrival {
    std::vector<Entry> entries;  // by source
    bool dsp;                    // a product of a DSP, or a sum of such
    bool operator==(const Arrival& other) const {
        return dsp == other.dsp && entries == other.entries;
    }
};

// DSPs that a signed product of these widths takes: of a wider operand the topmost part is signed.
inline int dsps_as(int a, int b, int wide, int narrow) {
    return ((a - 2) / (wide - 1) + 1) * ((b - 2) / (narrow - 1) + 1);
}
inline int dsps(int a, int b) {
    const int wide = delays().wide_bits, narrow = delays().narrow_bits;
    a = std::max(a, 2);
    b = std::max(b, 2);
    return std::min(dsps_as(a, b, wide, narrow), dsps_as(b, a, wide, narrow));
}

inline int levels(int width, int base) {
    int count = 0;
    for (int reach = 1; reach < width; reach *= base) ++count;
    return count;
}

class Arrivals {
  public:
    static Arrivals& all();
    Arrivals() { clear(); }

    const Arrival& operator[](Node node) const { return arrivals_[node]; }
    Node known(Node node) const { return node < arrivals_.size() ? node : INVARIANT; }

    Node of_source(uint32_t source) {
        if (source >= sources_.size()) sources_.resize(source + 1, CONSTANT);
        if (sources_[source] == CONSTANT) sources_[source] = intern({{{source, 0, 0}}, false});
        return sources_[source];
    }

    // The result of an operation of `width` bits on up to three operands.
    Node apply(Operation operation, int width, Node a, Node b = CONSTANT, Node c = CONSTANT) {
        if (a <= INVARIANT && b <= INVARIANT && c <= INVARIANT && operation != FIFO)
            return a | b | c;
        const Key key = {a, b, c, uint32_t(operation) | uint32_t(width) << 8};
        Node& known = memo_.at(key);
        if (known == CONSTANT) {
            const Node result = computed(operation, width, a, b, c);
            memo_.put(key, result);
            return result;
        }
        return known;
    }

    void clear() {
        arrivals_.assign(2, {{}, false});
        numbers_.clear();
        sources_.clear();
        memo_.clear();
        intern({{{START_SOURCE, 0, 0}}, false});
    }

  private:
    struct Key {
        Node a, b, c;
        uint32_t operation;
        bool operator==(const Key& k) const {
            return a == k.a && b == k.b && c == k.c && operation == k.operation;
        }
    };
    static uint64_t mix(uint64_t hash, uint64_t value) {
        return (hash ^ value) * 0x9E3779B97F4A7C15ull ^ (hash >> 29);
    }
    // Open addressing; a result is never CONSTANT.
    class Memo {
      public:
        Memo() : slots_(1 << 16) {}
        Node& at(const Key& key) { return find(key).result; }
        void put(const Key& key, Node result) {
            Slot& slot = find(key);
            slot = {key, result};
            if (++used_ * 2 > slots_.size()) grow();
        }
        void clear() {
            slots_.assign(1 << 16, Slot());
            used_ = 0;
        }

      private:
        struct Slot {
            Key key = {0, 0, 0, 0};
            Node result = CONSTANT;
        };
        Slot& find(const Key& k) {
            size_t i = mix(mix(mix(k.operation, k.a), k.b), k.c) & (slots_.size() - 1);
            while (slots_[i].result != CONSTANT && !(slots_[i].key == k))
                i = (i + 1) & (slots_.size() - 1);
            return slots_[i];
        }
        void grow() {
            std::vector<Slot> old(slots_.size() * 2);
            old.swap(slots_);
            for (const Slot& slot : old)
                if (slot.result != CONSTANT) find(slot.key) = slot;
        }
        std::vector<Slot> slots_;
        size_t used_ = 0;
    };
    struct ArrivalHash {
        size_t operator()(const Arrival& arrival) const {
            uint64_t hash = arrival.dsp;
            for (const Entry& e : arrival.entries)
                hash = mix(hash, uint64_t(e.source) << 32 ^ uint64_t(e.cycle) << 16 ^ e.ps);
            return hash;
        }
    };

    Node intern(const Arrival& arrival) {
        const auto found = numbers_.find(arrival);
        if (found != numbers_.end()) return found->second;
        arrivals_.push_back(arrival);
        numbers_.emplace(arrival, Node(arrivals_.size() - 1));
        return Node(arrivals_.size() - 1);
    }

    // The later of each source's times.
    static void merge(std::vector<Entry>& into, const std::vector<Entry>& other) {
        std::vector<Entry> merged;
        merged.reserve(into.size() + other.size());
        size_t i = 0, j = 0;
        while (i < into.size() || j < other.size()) {
            if (j == other.size() || (i < into.size() && into[i].source < other[j].source)) {
                merged.push_back(into[i++]);
            } else if (i == into.size() || other[j].source < into[i].source) {
                merged.push_back(other[j++]);
            } else {
                const Entry &x = into[i++], &y = other[j++];
                const bool later = x.cycle > y.cycle || (x.cycle == y.cycle && x.ps > y.ps);
                merged.push_back(later ? x : y);
            }
        }
        into.swap(merged);
    }

    // Combinational: in the same cycle if it still fits, else from the start of the next.
    static void chain(Entry& e, int ps) {
        const int period = delays().period;
        if (e.ps + ps > period) {
            ++e.cycle;
            e.ps = 0;
        }
        e.cycle += (ps - 1) / period * (ps > period);
        e.ps = ps > period ? ps - (ps - 1) / period * period : e.ps + ps;
    }

    // Registered: inputs within `setup` of the cycle's end, the result `cycles` later, after `out`.
    static void clocked(Entry& e, int setup, int cycles, int out) {
        if (e.ps + setup > delays().period) ++e.cycle;
        e.cycle += cycles;
        e.ps = out;
    }

    Node computed(Operation operation, int width, Node a, Node b, Node c) {
        const Delays& d = delays();
        Arrival result = {arrivals_[a].entries, false};
        merge(result.entries, arrivals_[b].entries);
        merge(result.entries, arrivals_[c].entries);
        // A sum of products alone goes down a cascade, a register at every DSP; with anything else an
        // adder of the fabric can make it, which no recurrence waits longer for.
        const bool in_dsp = operation == ADD && width <= 48 && arrivals_[a].dsp && arrivals_[b].dsp;
        for (Entry& e : result.entries) {
            if (in_dsp) {
                clocked(e, d.dsp, 1, 0);
                continue;
            }
            switch (operation) {
                case JOIN:
                case SLICE: break;
                case ADD: chain(e, d.add + d.add_bit * width / 16); break;
                case COMPARE:
                    chain(e, std::min(d.compare + d.compare_bit * width / 16, d.compare_most));
                    break;
                case SELECT: chain(e, d.select); break;
                case LOGIC: chain(e, d.logic); break;
                case SHIFT: chain(e, d.shift_level * levels(width, 2)); break;
                case MULTIPLY_LUT: chain(e, d.multiply_level * levels(width, 2)); break;
                case MULTIPLY_DSP:  // of several DSPs, from a cycle's start, two registers more for each
                    clocked(e, width > 1 && e.ps ? d.period : d.dsp, d.dsp_cycles + 2 * (width - 1), 0);
                    break;
                case LOAD_BRAM: clocked(e, d.bram, d.bram_cycles, d.bram); break;
                case LOAD_LUTRAM: clocked(e, d.lutram, d.lutram_cycles, d.lutram); break;
                case LOAD_URAM: clocked(e, d.uram, d.uram_cycles, d.uram); break;
                case STORE_BRAM: chain(e, d.bram); break;
                case STORE_LUTRAM: chain(e, d.lutram); break;
                case STORE_URAM: chain(e, d.uram); break;
                case ROM: clocked(e, d.rom, d.bram_cycles, d.rom); break;
                case FIFO: chain(e, d.fifo); break;
                case INDEX: chain(e, d.index * levels(width, 4)); break;
                case CYCLE: clocked(e, 0, 1, 0); break;
                case CARRY: chain(e, d.carry); break;
            }
        }
        result.dsp = in_dsp || (operation == MULTIPLY_DSP && width == 1) ||
                     (operation == JOIN && (arrivals_[a].dsp || arrivals_[b].dsp));
        return intern(result);
    }

    std::vector<Arrival> arrivals_;
    std::vector<Node> sources_;
    std::unordered_map<Arrival, Node, ArrivalHash> numbers_;
    Memo memo_;
};

static Arrivals the_arrivals;
inline Arrivals& Arrivals::all() { return the_arrivals; }

}  // namespace timing

#endif
