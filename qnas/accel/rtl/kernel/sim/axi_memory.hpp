// Memory behind the AXI ports of the kernel: bursts are answered after a latency, a beat a clock at
// most, with pauses for refreshes and, where asked for, at random.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <vector>

namespace sim {

// `latency` clocks from a request to its first beat, and `jitter` more at most. In every `period`
// clocks the memory pauses `pause`. `words` of 1024 clocks bring a word. Out of 256 clocks `stalls`
// refuse a request, a beat or an answer.
struct Timing {
    int latency = 64, jitter = 0, period = 0, pause = 0, words = 1024, stalls = 0;
    unsigned seed = 0;
};

[[noreturn]] inline void fail(const char* text) {
    std::fprintf(stderr, "%s\n", text);
    std::exit(2);
}

class Port {
  public:
    explicit Port(const Timing& timing, unsigned number)
        : timing_(timing), random_(timing.seed * 64 + number) {}

  protected:
    bool stalls() { return timing_.stalls && int(random_() % 256) < timing_.stalls; }
    long after() {
        return timing_.latency + (timing_.jitter ? random_() % (timing_.jitter + 1) : 0);
    }
    bool moves(long clock) {  // whether the memory moves a beat
        if (timing_.period && clock % timing_.period < timing_.pause) return false;
        credit_ = std::min(credit_ + timing_.words, 2048);
        if (credit_ < 1024) return false;
        return !stalls();
    }
    void moved() { credit_ -= 1024; }

    Timing timing_;
    std::mt19937 random_;
    int credit_ = 0;
};

// The words of a Verilator signal.
inline void set(QData& port, const uint8_t* bytes) { std::memcpy(&port, bytes, 8); }
template <std::size_t N>
void set(VlWide<N>& port, const uint8_t* bytes) {
    std::memcpy(port.data(), bytes, 4 * N);
}

// Reads of words as wide as `Data`. `drive` before a clock's edge, `observe` with what it found.
template <class Data>
class ReadPort : Port {
  public:
    ReadPort(const Timing& timing, unsigned number, const std::vector<uint8_t>& memory)
        : Port(timing, number), memory_(memory) {}

    void drive(long clock, CData& arready, CData& rvalid, CData& rlast, Data& rdata) {
        arready = ready_ = !stalls();
        valid_ = !bursts_.empty() && bursts_.front().from <= clock && moves(clock);
        rvalid = valid_;
        rlast = valid_ && bursts_.front().beats == 1;
        if (valid_) set(rdata, memory_.data() + bursts_.front().address);
    }

    void observe(long clock, bool arvalid, uint64_t araddr, int arlen) {  // RREADY is always 1
        if (valid_) {
            moved();
            ++words;
            bursts_.front().address += WIDTH;
            if (--bursts_.front().beats == 0) bursts_.pop_front();
        }
        if (arvalid && ready_) {
            const uint64_t bytes = uint64_t(arlen + 1) * WIDTH;
            if (araddr + bytes > memory_.size()) fail("a read beyond the end of its memory");
            if (araddr / 4096 != (araddr + bytes - 1) / 4096) fail("a burst across 4096 bytes");
            bursts_.push_back({araddr, arlen + 1, clock + after()});
        }
    }

    long words = 0;

  private:
    static constexpr uint64_t WIDTH = sizeof(Data);
    struct Burst {
        uint64_t address;
        int beats;
        long from;
    };
    const std::vector<uint8_t>& memory_;
    std::deque<Burst> bursts_;
    bool ready_ = false, valid_ = false;
};

// Writes of words of 32 bits.
class WritePort : Port {
  public:
    WritePort(const Timing& timing, unsigned number, std::vector<uint8_t>& memory)
        : Port(timing, number), memory_(memory) {}

    void drive(long clock, CData& awready, CData& wready, CData& bvalid) {
        awready = asks_ = !stalls();
        wready = takes_ = left_ > 0 && moves(clock);
        answers_now_ = !answers_.empty() && answers_.front().from <= clock && !stalls();
        bvalid = answers_now_;
    }

    void observe(long clock, bool awvalid, uint64_t awaddr, int awlen, bool wvalid, uint32_t wdata,
                 bool wlast) {  // BREADY is always 1
        if (answers_now_) {
            answered += answers_.front().words;
            answers_.pop_front();
        }
        if (wvalid && takes_) {
            moved();
            std::memcpy(memory_.data() + address_, &wdata, 4);
            address_ += 4;
            if (wlast != (--left_ == 0)) fail("WLAST is not where a burst ends");
            if (left_ == 0) answers_.push_back({clock + after(), words_});
        }
        if (awvalid && asks_) {
            if (left_) fail("a burst begins before the last one ended");
            if (awaddr + 4 * (awlen + 1) > memory_.size()) fail("a write beyond its memory");
            address_ = awaddr;
            left_ = words_ = awlen + 1;
        }
    }

    long answered = 0;  // words that memory has acknowledged

  private:
    struct Answer {
        long from;
        int words;
    };
    std::vector<uint8_t>& memory_;
    std::deque<Answer> answers_;
    uint64_t address_ = 0;
    int left_ = 0, words_ = 0;  // of a burst
    bool asks_ = false, takes_ = false, answers_now_ = false;
};

}  // namespace sim
