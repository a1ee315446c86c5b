// Stand-in for Xilinx's hls_stream.h, for C simulation alone: streams have the depth that the
// hardware will have, and the processes of a DATAFLOW region run side by side.
//
// A process runs until it must wait (reading an empty stream, writing a full one) and then hands
// over to one that can go on. So a FIFO that is too small shows: a sequential simulation would fill
// every stream before its reader starts. The processes are coroutines (ucontext), not threads: a
// switch costs next to nothing, the order is the same on every run, and a deadlock is a fact and no
// timeout: no process can go on. A process may hold a region of its own, and waits for its end.
// Vendor simulation runs the same sources one process after the other, with unbounded streams
// (dataflow.hpp).
#ifndef QNAS_SIM_HLS_STREAM_H
#define QNAS_SIM_HLS_STREAM_H
#define QNAS_BOUNDED_STREAMS 1

#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
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

    void spawn(const char* name, std::function<void()> work) {
        processes_.emplace_back(new Process(name, std::move(work)));
        processes_.back()->parent = current();
        ucontext_t& context = processes_.back()->context;
        getcontext(&context);
        context.uc_stack.ss_sp = processes_.back()->stack.get();
        context.uc_stack.ss_size = STACK_BYTES;
        context.uc_link = &main_;
        makecontext(&context, &Scheduler::body, 0);
    }

    // Runs all processes of the region to their ends.
    void run() {
        const Process* parent = current();
        if (parent) {
            wait("the end of its region", [this, parent] { return all_done(parent); });
        } else {
            run_until_done();
        }
        const auto ended = [parent](const std::unique_ptr<Process>& p) { return p->parent == parent; };
        processes_.erase(std::remove_if(processes_.begin(), processes_.end(), ended),
                         processes_.end());
    }

    // The current process waits until `ready`; others run meanwhile.
    void wait(const std::string& reason, std::function<bool()> ready) {
        if (current_ < 0) fail(reason + ", and no other process runs");
        Process& process = *processes_[size_t(current_)];
        process.reason = reason;
        process.ready = std::move(ready);
        swapcontext(&process.context, &main_);
        process.ready = nullptr;
    }

    // Number of the process that runs; -1 outside of all.
    int running() const { return current_; }

  private:
    static constexpr size_t STACK_BYTES = size_t(4) << 20;

    struct Process {
        Process(const char* n, std::function<void()> w)
            : name(n), work(std::move(w)), stack(new char[STACK_BYTES]) {}
        std::string name, reason;
        std::function<void()> work;
        std::function<bool()> ready;  // empty: can always go on
        const Process* parent = nullptr;  // whose region it belongs to
        std::unique_ptr<char[]> stack;
        ucontext_t context;
        bool done = false;
    };

    static void body() {
        Process& process = *instance().processes_[size_t(instance().current_)];
        process.work();
        process.done = true;
    }

    Process* current() const {
        return current_ < 0 ? nullptr : processes_[size_t(current_)].get();
    }

    void run_until_done() {
        while (!all_done(nullptr)) {
            const int chosen = next();
            if (chosen < 0) fail("deadlock:" + blocked());
            current_ = chosen;
            swapcontext(&main_, &processes_[size_t(chosen)]->context);
        }
        current_ = -1;
    }

    // The first process after the current one that can go on.
    int next() const {
        const int count = int(processes_.size());
        for (int step = 1; step <= count; ++step) {
            const int i = (current_ + step) % count;
            const Process& process = *processes_[size_t(i)];
            if (!process.done && (!process.ready || process.ready())) return i;
        }
        return -1;
    }

    std::string blocked() const {
        std::string text;
        for (const auto& p : processes_)
            text += " " + p->name + (p->done ? " has ended;" : " waits, " + p->reason + ";");
        return text;
    }

    bool all_done(const Process* parent) const {
        for (const auto& process : processes_)
            if (process->parent == parent && !process->done) return false;
        return true;
    }

    ucontext_t main_;
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

    // Without waiting: false if there is nothing. Hardware finds a stream empty that its writer could
    // not fill in time; here the writer is given the time, so that every run has the same iterations.
    // Under QNAS_STARVE every so many reads find nothing, as if the writer were late: the results
    // must be the same.
    bool read_nb(T& item) {
#ifdef QNAS_STARVE
        if (++late_ % QNAS_STARVE != 0) return false;
#endif
        item = read();
        return true;
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
#ifdef QNAS_STARVE
    int late_ = 0;
#endif
};

}  // namespace hls

#endif
