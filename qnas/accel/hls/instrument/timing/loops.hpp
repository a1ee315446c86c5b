// Where an execution stands, for the analysis: loops and their iterations, branches, and what is
// written in them. A register that is written in one iteration and read in a later one is a source;
// of each pair of sources the longest path between them is kept.
#ifndef QNAS_TIMING_LOOPS_HPP
#define QNAS_TIMING_LOOPS_HPP

#include <map>
#include <string>
#include <type_traits>
#include <unordered_set>

#include "arrival.hpp"

namespace timing {

template <class T>
using Plain =
    typename std::enable_if<std::is_integral<T>::value || std::is_enum<T>::value, int>::type;
template <class T, Plain<T> = 0>
inline Node node_of(T) { return CONSTANT; }
template <class T, Plain<T> = 0>
inline bool truth(T value) { return value != T(0); }

constexpr size_t MOST_FIELDS = 64;     // of a variable that are told apart
constexpr int MOST_ITERATIONS = 20000;  // of one entry of a loop

// What every value has: when it is there, and when it came to be and was written last.
struct Cell {
    Node node;
    uint32_t born, written;
    int line;
    uint32_t taken;  // when the log of writes was last read
};

// A number of at most 64 bits, as it lies in memory.
struct Number : Cell {
    int64_t v = 0;
};

struct Edge {
    int cycles, ps, line;
};

struct Range {
    const char *first, *last;
    const char* name;
};

struct Write {
    Cell* cell;
    Node before;
};

enum Multiplier { ANY, DSP, FABRIC };

struct State {
    bool active = false;  // inside a pipelined loop
    int loop = -1;
    uint32_t taken = 0, clock = 1, entry = 0, iteration = 0, scope = 0;
    Node pending = CONSTANT;   // a variable index, until what it chooses is read
    Node gate = START;         // what side effects wait for
    Node escaped = CONSTANT;   // conditions of a return or continue that was not taken
    Multiplier multiplier = ANY;
    std::vector<Node> branches;  // conditions of the branches that are open
    std::vector<Write> writes;
    std::vector<int> lines = {0};  // of every function that is open
    std::vector<Range> names;
    std::unordered_map<const void*, uint32_t> ids;  // of registers, in this entry of the loop
};

static State the_state;
inline State& state() { return the_state; }

// What was found: sources and sinks by number, and the longest path from one to another.
struct Findings {
    std::vector<std::string> names = {"start"};
    std::map<std::string, uint32_t> numbers;
    std::unordered_map<uint64_t, Edge> edges;
    std::unordered_set<uint64_t> seen;  // (arrival, sink)
    std::vector<long> iterations;
    long news = 0;  // edges that were new, or became longer by a cycle

    uint32_t number(const std::string& name) {
        const auto found = numbers.find(name);
        if (found != numbers.end()) return found->second;
        names.push_back(name);
        return numbers[name] = uint32_t(names.size() - 1);
    }

    void edge(uint32_t from, uint32_t to, Edge edge) {
        const auto added = edges.emplace(uint64_t(from) << 32 | to, edge);
        Edge& known = added.first->second;
        const bool longer = edge.cycles > known.cycles ||
                            (edge.cycles == known.cycles && edge.ps > known.ps);
        news += added.second || edge.cycles > known.cycles;
        if (longer) known = edge;
    }

    // All paths to `sink`, whose value is registered at the end of the cycle that it is known in:
    // `registers` cycles later.
    void sink(Node node, uint32_t sink, int registers, int line) {
        if (node <= INVARIANT || !seen.insert(uint64_t(node) << 32 | sink).second) return;
        for (const Entry& e : Arrivals::all()[node].entries)
            edge(e.source, sink, {e.cycle + registers, e.ps, line});
    }
};

static Findings the_findings;
inline Findings& findings() { return the_findings; }

inline Node apply(Operation operation, int width, Node a, Node b = CONSTANT, Node c = CONSTANT) {
    return Arrivals::all().apply(operation, width, a, b, c);
}
inline Node join(Node a, Node b) {
    return a == b || b == CONSTANT ? a : a == CONSTANT ? b : apply(JOIN, 0, a, b);
}

inline std::string prefix() { return std::to_string(state().loop) + "|"; }

// Number of a register: by the variable that it is part of, so that every entry of a loop finds the
// same. The elements of a large array are one: what holds for one of them holds for each.
inline uint32_t register_id(const Cell* cell) {
    State& s = state();
    const auto found = s.ids.find(cell);
    if (found != s.ids.end()) return found->second;
    const char* at = reinterpret_cast<const char*>(cell);
    std::string name = "register|counter|0";
    for (const Range& range : s.names)
        if (range.first <= at && at < range.last) {
            const size_t size = size_t(range.last - range.first) / sizeof(Number);
            const size_t index = size_t(at - range.first) / sizeof(Number);
            name = std::string("register|") + range.name + "|" +
                   std::to_string(size > MOST_FIELDS ? 0 : index);
        }
    return s.ids[cell] = findings().number(prefix() + name);
}

inline Node read_quietly(const Cell& cell) {
    const State& s = state();
    const Node node = Arrivals::all().known(cell.node);
    if (!s.active) return node == CONSTANT ? CONSTANT : INVARIANT;
    if (cell.written >= s.iteration) return node;
    if (cell.written >= s.entry && cell.written <= s.clock)  // by an earlier iteration
        return Arrivals::all().of_source(register_id(&cell));
    return node == CONSTANT ? CONSTANT : INVARIANT;
}

inline Node read(const Cell& cell) {
    State& s = state();
    Node node = read_quietly(cell);
    if (s.pending != CONSTANT) {
        node = apply(INDEX, 64, node, s.pending);
        s.pending = CONSTANT;
    }
    return node;
}

inline void create(Cell& cell, Node node) {
    cell.node = node;
    cell.born = cell.written = state().clock;
    cell.line = 0;
    cell.taken = 0;
}

inline void write(Cell& cell, Node node) {
    State& s = state();
    if (s.active && cell.born < s.scope) s.writes.push_back({&cell, read_quietly(cell)});
    cell.node = node;
    cell.written = s.clock;
    cell.line = s.lines.back();
}

// Takes the writes from `first` on out of the log, the first one of each cell.
inline std::vector<Write> take_writes(size_t first) {
    std::vector<Write>& writes = state().writes;
    std::vector<Write> outer;
    ++state().taken;
    for (size_t i = first; i < writes.size(); ++i) {
        Cell& cell = *writes[i].cell;
        if (cell.taken == state().taken) continue;
        cell.taken = state().taken;
        outer.push_back(writes[i]);
    }
    writes.resize(first);
    return outer;
}

// A piece of code that may be left out: what it writes is chosen by `condition` from what was there.
class Scope {
  public:
    Scope() : on_(state().active) {
        if (!on_) return;
        State& s = state();
        before_ = s.scope;
        first_ = s.writes.size();
        s.scope = ++s.clock;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

  protected:
    void close(Node condition) {
        if (!on_) return;
        State& s = state();
        s.scope = before_;
        // A cell that is younger than the scope around may be gone before that closes.
        std::vector<Write> kept;
        for (const Write& write : take_writes(first_)) {
            if (condition != CONSTANT)
                write.cell->node = apply(SELECT, 0, condition, write.cell->node, write.before);
            if (write.cell->born < before_) kept.push_back(write);
        }
        s.writes.insert(s.writes.end(), kept.begin(), kept.end());
    }
    bool on_;

  private:
    uint32_t before_ = 0;
    size_t first_ = 0;
};

// The condition of an `if` or `switch`, as long as that statement lasts.
class Branch : public Scope {
  public:
    template <class T>
    explicit Branch(const T& condition) : condition_(node_of(condition)), taken_(truth(condition)) {
        if (on_) state().branches.push_back(condition_);
    }
    template <class T>
    Branch(const T& condition, bool taken) : condition_(node_of(condition)), taken_(taken) {
        if (on_) state().branches.push_back(condition_);
    }
    ~Branch() {
        if (on_) state().branches.pop_back();
        close(condition_);
    }
    explicit operator bool() const { return taken_; }

  protected:
    Node condition_;

  private:
    bool taken_;
};

// A function or a loop's body that a return or `continue` may leave early.
class Guard : public Scope {
  public:
    Guard() : escaped_(state().escaped), open_(state().branches.size()) {}
    ~Guard() {
        state().escaped = escaped_;
        close(left_);
    }
    void may_leave(Node condition) {
        if (!on_) return;
        left_ = join(left_, condition);
        state().escaped = join(state().escaped, condition);
    }
    // Of a function's value: chosen by all conditions that lead to this return.
    Node chosen(Node value) const {
        Node condition = left_;
        for (size_t i = open_; on_ && i < state().branches.size(); ++i)
            condition = join(condition, state().branches[i]);
        return condition == CONSTANT ? value : apply(SELECT, 0, condition, value);
    }

  private:
    Node left_ = CONSTANT, escaped_;
    size_t open_;
};

class Escape : public Branch {
  public:
    template <class T>
    Escape(Guard& guard, const T& condition) : Branch(condition), guard_(guard) {}
    ~Escape() { guard_.may_leave(condition_); }

  private:
    Guard& guard_;
};

// A function that is open, and the line that it is at.
class Frame {
  public:
    Frame() { state().lines.push_back(0); }
    ~Frame() { state().lines.pop_back(); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;
};
inline void at(int line) { state().lines.back() = line; }

// Where the execution stands, for the order of accesses: lines from the loop's function on.
inline std::string position(size_t from) {
    std::string text;
    for (size_t i = from; i < state().lines.size(); ++i) {
        if (i > from) text += ".";
        text += std::to_string(state().lines[i]);
    }
    return text;
}

// The conditions that a store or a read of a stream waits for, and whether there is an iteration.
inline Node control() {
    Node node = join(state().escaped, state().gate);
    for (const Node branch : state().branches) node = join(node, branch);
    return node;
}

inline size_t& loop_depth() {
    static size_t depth = 0;
    return depth;
}

class Loop {
  public:
    explicit Loop(int number) {
        State& s = state();
        if (findings().iterations.size() <= size_t(number))
            findings().iterations.resize(size_t(number) + 1);
        s.active = true;
        s.loop = number;
        s.entry = s.iteration = s.scope = ++s.clock;
        s.ids.clear();
        s.names.clear();
        s.writes.clear();
        loop_depth() = s.lines.size() - 1;
    }
    ~Loop() {
        end();
        State& s = state();
        s.active = false;
        s.loop = -1;
        s.pending = CONSTANT;
        ++s.clock;
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    template <class T>
    void name(const T& variable, const char* text) {
        const char* first = reinterpret_cast<const char*>(&variable);
        state().names.push_back({first, first + sizeof(T), text});
    }

    void begin() {
        end();
        State& s = state();
        s.iteration = s.scope = ++s.clock;
        s.branches.clear();
        s.escaped = s.pending = CONSTANT;
        ++findings().iterations[size_t(s.loop)];
    }

    // Whether the loop goes on: known before the iteration's other operations start. What is only
    // read, as the iteration before left it, is known at once, and the loop is one that tests at its
    // end; what is computed takes the first cycle for itself, and side effects wait for the next.
    template <class T>
    bool test(const T& condition) {
        const Node node = node_of(condition);
        findings().sink(node, findings().number(prefix() + "start"), 0, state().lines.back());
        bool computed = false;
        for (const Entry& e : Arrivals::all()[node].entries) computed |= e.ps + e.cycle > 0;
        state().gate = computed ? apply(CYCLE, 0, START) : START;
        return truth(condition) && ++count_ < MOST_ITERATIONS;
    }

  private:
    void end() {
        for (const Write& write : take_writes(0)) {
            if (write.cell->born >= state().iteration) continue;
            const Node node = apply(CARRY, 0, join(write.cell->node, START));
            findings().sink(node, register_id(write.cell), 1, write.cell->line);
        }
    }
    int count_ = 0;
};

}  // namespace timing

#endif
