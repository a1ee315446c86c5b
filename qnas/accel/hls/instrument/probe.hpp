// Memories that record who touches them, for the probe (accel/csim/probe.py). The probe compiles a
// copy of a project in which memories are of class probe::Memory and each pipelined loop has a
// probe::Loop; the sources of the project themselves know nothing of it.
//
// Of each loop and memory it finds: the most loads and stores that one bank sees in an iteration
// (of one word loaded twice, one), whether a bank is loaded behind a store of the same iteration,
// and the smallest distance in iterations at which a word is read after a write, written after a
// read, written after a write.
#ifndef QNAS_PROBE_HPP
#define QNAS_PROBE_HPP

#include <hls_stream.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace probe {

constexpr int MOST_PROCESSES = 64;

// A moment: which entry of which loop (high half), which iteration of it (low half); 0: none.
typedef uint64_t Moment;
inline bool same_entry(Moment a, Moment b) { return (a >> 32) == (b >> 32); }

// Where the process that runs stands.
struct Context {
    int loop = -1;
    Moment now = 0;
};

inline Context& context() {
    static Context contexts[MOST_PROCESSES];
    return contexts[hls::sim::Scheduler::instance().running() + 1];
}

inline uint64_t& entries() {
    static uint64_t count = 0;
    return count;
}

inline std::vector<uint64_t>& iterations() {  // of each loop
    static std::vector<uint64_t>& counts = *new std::vector<uint64_t>;  // the report comes last
    return counts;
}

// Lives as long as a pipelined loop runs.
class Loop {
  public:
    explicit Loop(int number) {
        if (int(iterations().size()) <= number) iterations().resize(size_t(number) + 1);
        context().loop = number;
        context().now = ++entries() << 32;
    }
    ~Loop() { context() = Context(); }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    void next() {
        ++context().now;
        ++iterations()[size_t(context().loop)];
    }
};

enum Order { RAW, WAR, WAW, ORDERS };

// What is found of a memory in one loop.
struct Found {
    int loads = 0, stores = 0;           // of one bank in one iteration, at most
    uint64_t loads_behind_stores = 0;    // in the same bank and iteration
    uint64_t nearest[ORDERS] = {0, 0, 0};  // iterations between, at least; 0: never
    uint64_t within[ORDERS] = {0, 0, 0};   // how often in one iteration
};

// One memory: of each word and bank, when it was touched last.
class Log {
  public:
    Log(const char* name, int rows, int banks)
        : name_(name), banks_(banks), words_(size_t(rows) * banks), row_(rows), bank_(banks) {
        all().push_back(this);
    }

    void load(int row, int bank) {
        const Moment now = context().now;
        if (now == 0) return;
        Word& word = words_[size_t(row) * banks_ + bank];
        Bank& own = bank_[bank];
        Found& found = here();
        distance(found, RAW, now, word.stored);
        if (own.stored == now) ++found.loads_behind_stores;
        if (own.loaded != now) own.loads = 0;
        const bool fresh = own.loaded != now || own.row != row;
        const bool whole = all_loaded_ == now && all_row_ != row;
        own.loads += fresh;
        found.loads = std::max(found.loads, own.loads + whole);
        own.loaded = any_loaded_ = word.loaded = now;
        own.row = any_row_ = row;
    }

    void load_row(int row) {
        const Moment now = context().now;
        if (now == 0) return;
        Found& found = here();
        distance(found, RAW, now, row_[row].stored);
        if (any_stored_ == now) ++found.loads_behind_stores;
        if (all_loaded_ != now) all_loads_ = 0;
        all_loads_ += all_loaded_ != now || all_row_ != row;
        found.loads = std::max(found.loads, all_loads_ + (any_loaded_ == now && any_row_ != row));
        all_loaded_ = row_[row].loaded = now;
        all_row_ = row;
    }

    void store(int row, int bank) {
        const Moment now = context().now;
        if (now == 0) return;
        Word& word = words_[size_t(row) * banks_ + bank];
        Bank& own = bank_[bank];
        Found& found = here();
        distance(found, WAR, now, std::max(word.loaded, row_[row].loaded));
        distance(found, WAW, now, word.stored);
        if (own.stored != now) own.stores = 0;
        found.stores = std::max(found.stores, ++own.stores);
        own.stored = any_stored_ = word.stored = row_[row].stored = now;
    }

    static std::vector<Log*>& all() {
        static std::vector<Log*>& logs = *new std::vector<Log*>;
        return logs;
    }
    const char* name() const { return name_; }
    const std::vector<Found>& found() const { return found_; }

  private:
    struct Word {
        Moment loaded = 0, stored = 0;
    };
    struct Bank {
        Moment loaded = 0, stored = 0;
        int row = 0, loads = 0, stores = 0;
    };

    Found& here() {
        const size_t loop = size_t(context().loop);
        if (found_.size() <= loop) found_.resize(loop + 1);
        return found_[loop];
    }

    static void distance(Found& found, Order order, Moment now, Moment before) {
        if (before == 0 || !same_entry(now, before)) return;
        const uint64_t iterations = now - before;
        uint64_t& nearest = found.nearest[order];
        if (iterations == 0)
            ++found.within[order];
        else if (nearest == 0 || iterations < nearest)
            nearest = iterations;
    }

    const char* name_;
    int banks_;
    std::vector<Word> words_, row_;  // row_: of any bank of a row, loads of whole rows alone
    std::vector<Bank> bank_;
    std::vector<Found> found_;  // by loop
    Moment any_loaded_ = 0, any_stored_ = 0, all_loaded_ = 0;
    int any_row_ = 0, all_row_ = 0, all_loads_ = 0;
};

// A word, where a memory that may be written is indexed.
template <class T>
class Cell {
  public:
    Cell(T& value, Log& log, int row, int bank) : value_(value), log_(log), row_(row), bank_(bank) {}
    operator const T&() const {
        log_.load(row_, bank_);
        return value_;
    }
    Cell& operator=(const T& value) {
        log_.store(row_, bank_);
        value_ = value;
        return *this;
    }
    Cell& operator=(const Cell& other) { return *this = static_cast<const T&>(other); }
    uint64_t range(int high, int low) const { return static_cast<const T&>(*this).range(high, low); }

  private:
    T& value_;
    Log& log_;
    int row_, bank_;
};

#define PROBE_BINARY(OP)                                                                       \
    template <class T, class U>                                                                \
    inline auto operator OP(const Cell<T>& a, const U& b)->decltype(std::declval<T>() OP b) {  \
        return static_cast<const T&>(a) OP b;                                                  \
    }
PROBE_BINARY(+)
PROBE_BINARY(-)
PROBE_BINARY(*)
PROBE_BINARY(&)
PROBE_BINARY(|)
PROBE_BINARY(<<)
PROBE_BINARY(>>)
PROBE_BINARY(<)
PROBE_BINARY(>)
PROBE_BINARY(==)
PROBE_BINARY(!=)
#undef PROBE_BINARY

// Banks of one row, so many of them from `bank` on; their array where a whole row is handed on.
template <class T, int... BANKS>
class Banks;

template <class T, int N>
class Banks<T, N> {
  public:
    typedef T Array[N];
    Banks(Array& values, Log& log, int row, int bank)
        : values_(values), log_(log), row_(row), bank_(bank) {}
    Cell<T> operator[](int i) const { return Cell<T>(values_[i], log_, row_, bank_ + i); }
    operator const T*() const {
        log_.load_row(row_);
        return values_;
    }

  private:
    Array& values_;
    Log& log_;
    int row_, bank_;
};

template <class T, int N, int M>
class Banks<T, N, M> {
  public:
    typedef T Array[N][M];
    Banks(Array& values, Log& log, int row, int bank)
        : values_(values), log_(log), row_(row), bank_(bank) {}
    Banks<T, M> operator[](int i) const {
        return Banks<T, M>(values_[i], log_, row_, bank_ + i * M);
    }
    typedef T Inner[M];
    operator const Inner*() const {
        log_.load_row(row_);
        return values_;
    }

  private:
    Array& values_;
    Log& log_;
    int row_, bank_;
};

// The same of a memory that is only read.
template <class T, int... BANKS>
class ConstBanks;

template <class T, int N>
class ConstBanks<T, N> {
  public:
    typedef T Array[N];
    ConstBanks(const Array& values, Log& log, int row, int bank)
        : values_(values), log_(log), row_(row), bank_(bank) {}
    const T& operator[](int i) const {
        log_.load(row_, bank_ + i);
        return values_[i];
    }
    operator const T*() const {
        log_.load_row(row_);
        return values_;
    }

  private:
    const Array& values_;
    Log& log_;
    int row_, bank_;
};

template <class T, int N, int M>
class ConstBanks<T, N, M> {
  public:
    typedef T Array[N][M];
    ConstBanks(const Array& values, Log& log, int row, int bank)
        : values_(values), log_(log), row_(row), bank_(bank) {}
    ConstBanks<T, M> operator[](int i) const {
        return ConstBanks<T, M>(values_[i], log_, row_, bank_ + i * M);
    }
    typedef T Inner[M];
    operator const Inner*() const {
        log_.load_row(row_);
        return values_;
    }

  private:
    const Array& values_;
    Log& log_;
    int row_, bank_;
};

constexpr int product() { return 1; }
template <class... Rest>
constexpr int product(int first, Rest... rest) {
    return first * product(rest...);
}

// ROWS words in each of the banks that BANKS number.
template <class T, int ROWS, int... BANKS>
class Memory {
  public:
    explicit Memory(const char* name) : log_(*new Log(name, ROWS, product(BANKS...))) {}
    Banks<T, BANKS...> operator[](int row) {
        return Banks<T, BANKS...>(values_[row], log_, row, 0);
    }
    ConstBanks<T, BANKS...> operator[](int row) const {
        return ConstBanks<T, BANKS...>(values_[row], log_, row, 0);
    }

  private:
    typename Banks<T, BANKS...>::Array values_[ROWS];
    Log& log_;  // outlives the memory: the report is written last
};

template <class T, int ROWS>
class Memory<T, ROWS> {
  public:
    explicit Memory(const char* name) : log_(*new Log(name, ROWS, 1)) {}
    Cell<T> operator[](int row) { return Cell<T>(values_[row], log_, row, 0); }
    const T& operator[](int row) const {
        log_.load(row, 0);
        return values_[row];
    }
  private:
    T values_[ROWS];
    Log& log_;  // outlives the memory: the report is written last
};

// Writes what was found to the file that QNAS_PROBE names, when the program ends.
class Report {
  public:
    ~Report() {
        const char* path = std::getenv("QNAS_PROBE");
        std::FILE* out = path ? std::fopen(path, "w") : nullptr;
        if (!out) return;
        std::fprintf(out, "{\"iterations\": [");
        for (size_t i = 0; i < iterations().size(); ++i)
            std::fprintf(out, "%s%llu", i ? ", " : "", (unsigned long long)iterations()[i]);
        std::fprintf(out, "], \"accesses\": [");
        const char* separator = "";
        for (const Log* log : Log::all())
            for (size_t loop = 0; loop < log->found().size(); ++loop)
                if (log->found()[loop].loads + log->found()[loop].stores) {
                    std::fprintf(out, "%s", separator);
                    write(out, *log, int(loop));
                    separator = ", ";
                }
        std::fprintf(out, "]}\n");
        std::fclose(out);
    }

  private:
    static void write(std::FILE* out, const Log& log, int loop) {
        const Found& found = log.found()[size_t(loop)];
        const unsigned long long* near = (const unsigned long long*)found.nearest;
        const unsigned long long* within = (const unsigned long long*)found.within;
        std::fprintf(out,
                     "\n  {\"loop\": %d, \"memory\": \"%s\", \"loads\": %d, \"stores\": %d, "
                     "\"loads_behind_stores\": %llu, \"nearest\": [%llu, %llu, %llu], "
                     "\"within\": [%llu, %llu, %llu]}",
                     loop, log.name(), found.loads, found.stores,
                     (unsigned long long)found.loads_behind_stores, near[RAW], near[WAR], near[WAW],
                     within[RAW], within[WAR], within[WAW]);
    }
};

}  // namespace probe

#endif
