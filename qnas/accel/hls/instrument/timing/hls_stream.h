// Stand-in for Xilinx's hls_stream.h in the analysis: a stream brings anything and takes anything,
// as soon as the conditions that it stands under are known. Memories, whose loads and stores are
// sources and sinks, are here as well.
#ifndef QNAS_TIMING_HLS_STREAM_H
#define QNAS_TIMING_HLS_STREAM_H

#include "ap_int.h"

namespace timing {

inline uint32_t site(const char* kind, const char* name) {
    return findings().number(prefix() + kind + "|" + name + "|" + position(loop_depth()));
}

inline void store(const char* kind, const char* name, Operation setup, Node node) {
    if (!state().active) return;
    node = join(node, control());
    findings().sink(apply(setup, 0, node), site(kind, name), 1, state().lines.back());
}

// What a word of a memory is made of.
enum Storage { BRAM, LUTRAM, URAM };

struct Words {
    const char* name;
    Storage storage;
    Operation load_operation() const {
        return storage == BRAM ? LOAD_BRAM : storage == URAM ? LOAD_URAM : LOAD_LUTRAM;
    }
    // A load waits for its address, and for a store that it may depend on: the site is a source.
    Node loaded(Node address) const {
        if (!state().active) return INVARIANT;
        const uint32_t from = site("load", name);
        return apply(load_operation(), 0,
                     join(join(address, START), Arrivals::all().of_source(from)));
    }
    void stored(Node node) const {
        const bool bram = storage == BRAM, uram = storage == URAM;
        store("store", name, bram ? STORE_BRAM : uram ? STORE_URAM : STORE_LUTRAM, node);
    }
};

template <class T>
class Word {
  public:
    Word(T& value, const Words& words, Node address)
        : value_(value), words_(words), address_(address) {}
    T plain() const { return T(value_.v, words_.loaded(address_), Known()); }
    template <class U>
    Word& operator=(const U& other) {
        const T value(other);
        words_.stored(join(address_, read(value)));
        value_.v = value.v;
        return *this;
    }
    Word& operator=(const Word& other) { return *this = other.plain(); }
    template <class U> Word& operator+=(const U& other) { return *this = plain() + other; }
    Value<64, false> range(int high, int low) const { return plain().range(high, low); }

  private:
    T& value_;
    const Words& words_;
    Node address_;
};
#define TIMING_WORD(OP)                                                                            \
    template <class T, class U>                                                                    \
    inline auto operator OP(const Word<T>& a, const U& b)->decltype(a.plain() OP b) {              \
        return a.plain() OP b;                                                                     \
    }                                                                                              \
    template <int W, bool S, bool N, class T>                                                      \
    inline auto operator OP(const Value<W, S, N>& a, const Word<T>& b)                             \
        ->decltype(a OP b.plain()) {                                                               \
        return a OP b.plain();                                                                     \
    }                                                                                              \
    template <class T, class U>                                                                    \
    inline auto operator OP(const Word<T>& a, const Word<U>& b)->decltype(a.plain() OP b.plain()) { \
        return a.plain() OP b.plain();                                                             \
    }
TIMING_WORD(+)
TIMING_WORD(-)
TIMING_WORD(*)
TIMING_WORD(<)
TIMING_WORD(>)
TIMING_WORD(==)
TIMING_WORD(!=)
TIMING_WORD(>>)
TIMING_WORD(<<)
TIMING_WORD(&)
TIMING_WORD(|)
#undef TIMING_WORD

// The banks of a row; handed on as an array they are all loaded.
template <class T, int... BANKS>
class Banks;
template <class T, int N>
class Banks<T, N> {
  public:
    typedef T Array[N];
    Banks(Array& values, const Words& words, Node address)
        : values_(values), words_(words), address_(address) {}
    template <class I>
    Word<T> operator[](const I& i) const {
        const int64_t bank = uint64_t(number(i)) % N;
        return Word<T>(values_[bank], words_, join(address_, index_node(i)));
    }
    void load() const {
        const Node node = words_.loaded(address_);
        for (T& value : values_) create(value, node);
    }
    operator const T*() const {
        load();
        return values_;
    }

  private:
    Array& values_;
    const Words& words_;
    Node address_;
};
template <class T, int N, int M>
class Banks<T, N, M> {
  public:
    typedef T Array[N][M];
    typedef T Inner[M];
    Banks(Array& values, const Words& words, Node address)
        : values_(values), words_(words), address_(address) {}
    template <class I>
    Banks<T, M> operator[](const I& i) const {
        const int64_t bank = uint64_t(number(i)) % N;
        return Banks<T, M>(values_[bank], words_, join(address_, index_node(i)));
    }
    operator const Inner*() const {
        for (int i = 0; i < N; ++i) Banks<T, M>(values_[i], words_, address_).load();
        return values_;
    }

  private:
    Array& values_;
    const Words& words_;
    Node address_;
};

// Rows beyond the memory are those inside: values mean nothing here, and addresses may be anything.
template <class T, int ROWS, int... BANKS>
class Memory {
  public:
    Memory(const char* name, Storage storage) : words_{name, storage} {}
    template <class I>
    Banks<T, BANKS...> operator[](const I& row) const {
        return Banks<T, BANKS...>(values_[uint64_t(number(row)) % ROWS], words_, index_node(row));
    }

  private:
    mutable typename Banks<T, BANKS...>::Array values_[ROWS];
    Words words_;
};
template <class T, int ROWS>
class Memory<T, ROWS> {
  public:
    Memory(const char* name, Storage storage) : words_{name, storage} {}
    template <class I>
    Word<T> operator[](const I& row) const {
        return Word<T>(values_[uint64_t(number(row)) % ROWS], words_, index_node(row));
    }

  private:
    mutable T values_[ROWS];
    Words words_;
};

// A constant table, in a block RAM.
template <class T, int ROWS>
struct Table {
    T values[ROWS];
    template <class I>
    T operator[](const I& row) const {
        const T& value = values[uint64_t(number(row)) % ROWS];
        return T(value.v, apply(timing::ROM, 0, index_node(row)), Known());
    }
};

// A pointer of a port.
template <class T>
class Port {
  public:
    Port(const char* name = "port") : name_(name) {}
    struct Item {
        const char* name;
        Node address;
        operator T() const {
            T value;
            fill(value, state().active ? apply(FIFO, 0, join(address, control()))
                                       : INVARIANT);
            return value;
        }
        template <class U>
        Item& operator=(const U& other) {
            const T value(other);
            store("write", name, FIFO, join(address, read(value)));
            return *this;
        }
    };
    template <class I>
    Item operator[](const I& index) const {
        return Item{name_, index_node(index)};
    }
    template <class I>
    Port operator+(const I&) const { return *this; }

  private:
    const char* name_;
};

}  // namespace timing

namespace hls {

template <class T>
class stream {
  public:
    explicit stream(const char* name = "stream") : name_(name) {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    bool empty() const { return false; }
    bool full() const { return false; }
    T read() {
        T value;
        if (timing::state().active) timing::findings().number(timing::prefix() + "read|" + name_ + "|");
        timing::fill(value, arrived());
        return value;
    }
    void read(T& value) { value = read(); }
    timing::Bool read_nb(T& value) {
        T item;
        const timing::Node node = arrived();
        timing::fill(item, node);
        value = item;
        return timing::Bool(1, node, timing::Known());
    }
    void write(const T& value) {
        timing::store("write", name_, timing::FIFO, timing::item_node(value));
    }

  private:
    timing::Node arrived() const {
        if (!timing::state().active) return timing::INVARIANT;
        return timing::apply(timing::FIFO, 0, timing::control());
    }
    const char* name_;
};

}  // namespace hls

#endif
