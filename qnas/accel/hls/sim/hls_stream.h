// Stand-in for Xilinx's hls_stream.h, for C simulation alone: streams have the depth that the
// hardware will have, and the processes of a DATAFLOW region run side by side.
//
// Why threads, of which one runs at a time: a sequential simulation fills every stream before its
// reader starts, so that no FIFO is ever too small. Here a process runs until it must wait (reading
// an empty stream, writing a full one) and then hands over, which costs one switch for each filling
// of a FIFO, gives the same order on every run, and makes a deadlock a fact and not a timeout: no
// process can go on. Vendor simulation runs the same sources one process after the other, with
// unbounded streams (see dataflow.hpp).
#ifndef QNAS_SIM_HLS_STREAM_H
#define QNAS_SIM_HLS_STREAM_H
#define QNAS_BOUNDED_STREAMS 1

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace hls {
namespace sim {

// Ends the simulation: a fault of the design is no value that a caller could go on with.
[[noreturn]] inline void fail(const std::string& message) {
    std::fflush(stdout);
    std::fprintf(stderr, "simulation fault: %s\n", message.c_str());
    std::fflush(stderr);
    std::_Exit(3);
}

class Scheduler {
  public:
    static Scheduler& instance() {
        static Scheduler scheduler;
        return scheduler;
    }

    void spawn(const char* name, std::function<void()> body) {
        processes_.emplace_back(new Process(name, std::move(body)));
    }

    // Runs all processes of the region to their ends.
    void run() {
        std::unique_lock<std::mutex> lock(mutex_);
        current_ = 0;
        for (size_t i = 0; i < processes_.size(); ++i)
            processes_[i]->thread = std::thread([this, i] { body(int(i)); });
        finished_.wait(lock, [this] { return next() < 0 && all_done(); });
        lock.unlock();
        for (auto& process : processes_) process->thread.join();
        processes_.clear();
        current_ = -1;
    }

    // The current process waits until `ready`; others run meanwhile.
    void wait(const std::string& reason, std::function<bool()> ready) {
        if (current_ < 0) fail(reason + ", and no other process runs");
        std::unique_lock<std::mutex> lock(mutex_);
        const int self = current_;
        processes_[self]->reason = reason;
        processes_[self]->ready = std::move(ready);
        hand_over();
        processes_[self]->turn.wait(lock, [&] { return current_ == self; });
        processes_[self]->ready = nullptr;
    }

  private:
    struct Process {
        Process(const char* n, std::function<void()> b) : name(n), work(std::move(b)) {}
        std::string name, reason;
        std::function<void()> work;
        std::function<bool()> ready;  // empty: can always go on
        std::thread thread;
        std::condition_variable turn;
        bool done = false;
    };

    void body(int self) {
        {
            std::unique_lock<std::mutex> lock(mutex_);
            processes_[self]->turn.wait(lock, [&] { return current_ == self; });
        }
        processes_[self]->work();
        std::unique_lock<std::mutex> lock(mutex_);
        processes_[self]->done = true;
        if (all_done())
            finished_.notify_one();
        else
            hand_over();
    }

    int next() const {
        const int count = int(processes_.size());
        for (int step = 1; step <= count; ++step) {
            const int i = (current_ + step) % count;
            if (!processes_[i]->done && (!processes_[i]->ready || processes_[i]->ready())) return i;
        }
        return -1;
    }

    void hand_over() {
        const int chosen = next();
        if (chosen < 0) fail("deadlock:" + blocked());
        current_ = chosen;
        processes_[chosen]->turn.notify_one();
    }

    std::string blocked() const {
        std::string text;
        for (const auto& process : processes_)
            text += " " + process->name + (process->done ? " has ended;" : " waits, " + process->reason + ";");
        return text;
    }

    bool all_done() const {
        for (const auto& process : processes_)
            if (!process->done) return false;
        return true;
    }

    std::mutex mutex_;
    std::condition_variable finished_;
    std::vector<std::unique_ptr<Process>> processes_;
    int current_ = -1;
};

}  // namespace sim

template <class T>
class stream {
  public:
    explicit stream(const char* name = "stream") : name_(name), items_(2) {}  // 2: the tool's default
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() {
        if (size_ != 0)
            sim::fail(std::to_string(size_) + " words left behind in stream '" + name_ + "'");
    }

    void set_depth(int depth) { items_.assign(size_t(depth), T()); }
    bool empty() const { return size_ == 0; }
    bool full() const { return size_ == items_.size(); }

    T read() {
        if (empty())
            sim::Scheduler::instance().wait("reading empty stream '" + name_ + "'",
                                            [this] { return !empty(); });
        const T item = items_[head_];
        head_ = head_ + 1 == items_.size() ? 0 : head_ + 1;
        --size_;
        return item;
    }

    void write(const T& item) {
        if (full())
            sim::Scheduler::instance().wait("writing full stream '" + name_ + "'",
                                            [this] { return !full(); });
        size_t tail = head_ + size_;
        if (tail >= items_.size()) tail -= items_.size();
        items_[tail] = item;
        ++size_;
    }

  private:
    std::string name_;
    std::vector<T> items_;
    size_t head_ = 0, size_ = 0;
};

}  // namespace hls

#endif
