// Stand-in for Xilinx's ap_int.h in the analysis: numbers that know when they are there. Native
// integers of the sources are of this type as well (the analysis replaces `int`, `short`, `bool`).
// Values are those of C simulation up to 64 bits; wider words are read and written by field.
#ifndef QNAS_TIMING_AP_INT_H
#define QNAS_TIMING_AP_INT_H

#include <type_traits>

#include "loops.hpp"

namespace timing {

// NATIVE: an int, short or bool of C++, whose results are int.
template <int W, bool S, bool NATIVE = false>
struct Value;

constexpr int larger(int a, int b) { return a > b ? a : b; }
constexpr int at_most_64(int width) { return width > 64 ? 64 : width; }

// Types of results, as in Xilinx's headers; of two native operands int.
template <int W, bool S, bool N, int W2, bool S2, bool N2>
struct Result {
    static constexpr bool native = N && N2;
    static constexpr int both = native ? 31 : larger(W + (S2 && !S), W2 + (S && !S2));
    template <int BITS, bool SIGNED>
    using Of = Value<native ? 32 : at_most_64(BITS), native || SIGNED, native>;
    typedef Of<W + W2, S || S2> mult;
    typedef Of<both + 1, S || S2> plus;
    typedef Of<both + 1, true> minus;
    typedef Of<both, S || S2> logic;
};

// Bits of a value: no adder behind them is that of a DSP.
inline Node slice(Node node) { return node <= START ? node : apply(SLICE, 0, node); }

struct Known {};  // constructor tag: a value and when it is there

template <int W, bool S>
inline int64_t wrapped(int64_t value) {
    constexpr int unused = 64 - (W > 64 ? 64 : W);
    return S ? int64_t(uint64_t(value) << unused) >> unused
             : int64_t(uint64_t(value) << unused >> unused);
}

template <class Word>
class Field;
template <class T>
class Word;  // of a memory

template <int W, bool WIDE>
struct Bits : Number {
    uint64_t get(int high, int low) const {
        return uint64_t(v) >> low & (high - low >= 63 ? ~0ull : (1ull << (high - low + 1)) - 1);
    }
    void set(int high, int low, uint64_t bits) {
        const uint64_t mask = (high - low >= 63 ? ~0ull : (1ull << (high - low + 1)) - 1) << low;
        v = int64_t((uint64_t(v) & ~mask) | (bits << low & mask));
    }
};

template <int W>
struct Bits<W, true> : Cell {
    uint64_t limbs[(W + 63) / 64] = {};
    uint64_t get(int high, int low) const {
        uint64_t bits = 0;
        for (int bit = high; bit >= low; --bit) bits = bits << 1 | (limbs[bit / 64] >> bit % 64 & 1);
        return bits;
    }
    void set(int high, int low, uint64_t bits) {
        for (int bit = low; bit <= high; ++bit, bits >>= 1) {
            const uint64_t one = 1ull << bit % 64;
            limbs[bit / 64] = (limbs[bit / 64] & ~one) | (bits & 1 ? one : 0);
        }
    }
};

template <int W, bool S, bool NATIVE>
struct Value : Bits<W, (W > 64)> {
    typedef Bits<W, (W > 64)> Base;
    static constexpr int width = W;
    static constexpr bool negative = S;

    Value() { create(*this, CONSTANT); }
    Value(const Value& other) : Base(other) { create(*this, read(other)); }
    template <class T, Plain<T> = 0>
    Value(T value) {
        assign(int64_t(value), std::integral_constant<bool, (W > 64)>());
        create(*this, CONSTANT);
    }
    Value(int64_t value, Node node, Known) {
        assign(value, std::integral_constant<bool, (W > 64)>());
        create(*this, node);
    }
    template <int W2, bool S2, bool N2>
    Value(const Value<W2, S2, N2>& other) {
        const bool truth = NATIVE && W == 1;
        assign(truth ? int64_t(other.v != 0) : other.v, std::integral_constant<bool, (W > 64)>());
        Node node = read(other);
        if (W < W2) node = slice(node);
        create(*this, truth && W2 > 1 ? apply(COMPARE, W2, node) : node);
    }
    template <class Word>
    Value(const Field<Word>& field) : Value(field.bits()) {}
    template <class T>
    Value(const Word<T>& word) : Value(word.plain()) {}

    Value& operator=(const Value& other) {
        const Node node = read(other);
        static_cast<Base&>(*this) = keeping(other);
        write(*this, node);
        return *this;
    }
    template <class T>
    Value& operator=(const T& other) {
        return *this = Value(other);
    }

    Value<64, false> range(int high, int low) const {
        return Value<64, false>(int64_t(this->get(high, low)), slice(read(*this)), Known());
    }
    Field<Value> range(int high, int low) { return Field<Value>(*this, high, low); }
    template <class I>
    Value<1, false, true> operator[](const I& bit) const {
        const int64_t at = number(bit);
        const bool inside = at >= 0 && at < W;
        return Value<1, false, true>(inside && this->get(int(at), int(at)), 
                                     join(read(*this), node_of(bit)), Known());
    }
    // A variable index, an operand of `switch`: what it chooses waits for it.
    operator long long() const {
        const Node node = read(*this);
        if (node != CONSTANT && state().active) state().pending = join(state().pending, node);
        return number_of(*this);
    }

    template <class T> Value& operator+=(const T& other) { return *this = *this + other; }
    template <class T> Value& operator-=(const T& other) { return *this = *this - other; }
    template <class T> Value& operator*=(const T& other) { return *this = *this * other; }
    template <class T> Value& operator/=(const T& other) { return *this = *this / other; }
    template <class T> Value& operator%=(const T& other) { return *this = *this % other; }
    template <class T> Value& operator>>=(const T& other) { return *this = *this >> other; }
    template <class T> Value& operator<<=(const T& other) { return *this = *this << other; }
    template <class T> Value& operator|=(const T& other) { return *this = *this | other; }
    template <class T> Value& operator&=(const T& other) { return *this = *this & other; }
    template <class T> Value& operator^=(const T& other) { return *this = *this ^ other; }
    Value& operator++() { return *this = *this + 1; }
    Value& operator--() { return *this = *this - 1; }
    Value operator++(int) {
        const Value before(*this);
        ++*this;
        return before;
    }
    Value operator--(int) {
        const Value before(*this);
        --*this;
        return before;
    }
    Value<NATIVE ? 32 : at_most_64(W + 1), true, NATIVE> operator-() const {
        return {-this->v, apply(ADD, W, read(*this)), Known()};
    }
    Value operator~() const { return Value(~this->v, read(*this), Known()); }
    Value<1, false, true> operator!() const { return {this->v == 0, truth_node(), Known()}; }
    Node truth_node() const {
        const Node node = read(*this);
        return W > 1 ? apply(COMPARE, W, node) : node;
    }

  private:
    template <int W2>
    static long long number_of(const Bits<W2, false>& bits) { return bits.v; }
    template <int W2>
    static long long number_of(const Bits<W2, true>& bits) { return (long long)bits.limbs[0]; }
    Base keeping(const Base& other) const {  // its bits, and this cell's history
        Base base(other);
        static_cast<Cell&>(base) = *this;
        return base;
    }
    void assign(int64_t value, std::false_type) { this->v = wrapped<W, S>(value); }
    void assign(int64_t value, std::true_type) {
        for (uint64_t& limb : this->limbs) limb = value < 0 ? ~0ull : 0;
        this->limbs[0] = uint64_t(value);
    }
};

typedef Value<32, true, true> Int;
typedef Value<16, true, true> Short;
typedef Value<1, false, true> Bool;

// x.range(hi, lo) of a word that may be written.
template <class Word>
class Field {
  public:
    Field(Word& word, int high, int low) : word_(word), high_(high), low_(low) {}
    Value<64, false> bits() const {
        return Value<64, false>(int64_t(word_.get(high_, low_)), read(word_), Known());
    }
    template <class T>
    Field& operator=(const T& value) {
        const Value<64, false> bits(value);
        word_.set(high_, low_, uint64_t(bits.v));
        write(word_, join(read(word_), read(bits)));
        return *this;
    }
    Field& operator=(const Field& other) { return *this = other.bits(); }

  private:
    Word& word_;
    int high_, low_;
};

template <int W, bool S, bool N>
inline Node node_of(const Value<W, S, N>& value) { return value.truth_node(); }
template <int W, bool S, bool N>
inline bool truth(const Value<W, S, N>& value) { return value.v != 0; }
template <int W, bool S, bool N>
inline int64_t number(const Value<W, S, N>& value) { return value.v; }
template <class T, Plain<T> = 0>
inline int64_t number(T value) { return int64_t(value); }
template <int W, bool S, bool N>
inline Node index_node(const Value<W, S, N>& value) { return read(value); }
template <class T, Plain<T> = 0>
inline Node index_node(T) { return CONSTANT; }

// Bits that an operation works on: of operands that are not constants.
template <class A, class B>
inline int variable_width(const A& a, const B& b) {
    const int wa = a.node == CONSTANT ? 0 : A::width, wb = b.node == CONSTANT ? 0 : B::width;
    return wa > wb ? wa : wb;
}
inline bool power_of_two(int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

struct Adding {
    static int64_t value(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
    template <class A, class B>
    static Node node(const A& a, const B& b, Node x, Node y) {
        return apply(ADD, variable_width(a, b), x, y);
    }
};
struct Subtracting : Adding {
    static int64_t value(int64_t a, int64_t b) { return int64_t(uint64_t(a) - uint64_t(b)); }
};
struct Multiplying {
    // A shift, a sum or difference of two, else a product with as many bits as the constant has.
    static Node by_constant(int64_t factor, int width, Node node) {
        const int64_t size = factor < 0 ? -factor : factor;
        if (node <= INVARIANT) return node;
        if (size == 0 || power_of_two(size)) return slice(node);
        if (power_of_two(size & (size - 1)) || power_of_two(size + 1)) return apply(ADD, width, node);
        int bits = 1;
        while (size >> (bits - 1)) ++bits;
        if (state().multiplier == FABRIC) return apply(MULTIPLY_LUT, bits, node);
        return apply(MULTIPLY_DSP, dsps(width + 1, bits), node);
    }
    static int64_t value(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
    template <class A, class B>
    static Node node(const A& a, const B& b, Node x, Node y) {
        if (x == CONSTANT) return by_constant(a.v, B::width, y);
        if (y == CONSTANT) return by_constant(b.v, A::width, x);
        const Multiplier kind = state().multiplier;
        const bool narrow = A::width + B::width <= 14;
        const bool fabric = kind == FABRIC || (kind == ANY && narrow);
        const int least = A::width < B::width ? A::width : B::width;
        return fabric ? apply(MULTIPLY_LUT, least, x, y)
                      : apply(MULTIPLY_DSP, dsps(A::width + !A::negative, B::width + !B::negative), x, y);
    }
};
struct Dividing {
    static int64_t value(int64_t a, int64_t b) { return b ? a / b : 0; }
    template <class A, class B>
    static Node node(const A& a, const B& b, Node x, Node y) {
        if (y == CONSTANT && power_of_two(b.v)) return apply(ADD, A::width, x);  // rounds to 0
        if (y == CONSTANT) return apply(ADD, A::width, apply(MULTIPLY_DSP, 1, x));
        Node node = join(x, y);  // a bit a step
        for (int bit = 0; bit < A::width; ++bit) node = apply(ADD, B::width, node);
        return node;
    }
};
struct Remaining : Dividing {
    static int64_t value(int64_t a, int64_t b) { return b ? a % b : 0; }
};
inline Node two(Node x, Node y) {
    return x == CONSTANT || y == CONSTANT ? join(x, y) : apply(LOGIC, 0, x, y);
}
struct Logic {
    template <class A, class B>
    static Node node(const A&, const B&, Node x, Node y) {
        return two(x, y);
    }
};
struct And : Logic {
    static int64_t value(int64_t a, int64_t b) { return a & b; }
};
struct Or : Logic {
    static int64_t value(int64_t a, int64_t b) { return a | b; }
};
struct Xor : Logic {
    static int64_t value(int64_t a, int64_t b) { return a ^ b; }
};

#define TIMING_BINARY(OP, RULE, KIND)                                                              \
    template <int W, bool S, bool N, int W2, bool S2, bool N2>                                     \
    inline typename Result<W, S, N, W2, S2, N2>::KIND operator OP(const Value<W, S, N>& a,         \
                                                                  const Value<W2, S2, N2>& b) {    \
        const Node x = read(a), y = read(b);                                                       \
        return {RULE::value(a.v, b.v), RULE::node(a, b, x, y), Known()};                           \
    }                                                                                              \
    template <int W, bool S, bool N, class T, Plain<T> = 0>                                        \
    inline auto operator OP(const Value<W, S, N>& a, T b)->decltype(a OP Int(b)) {                 \
        return a OP Int(b);                                                                        \
    }                                                                                              \
    template <int W, bool S, bool N, class T, Plain<T> = 0>                                        \
    inline auto operator OP(T a, const Value<W, S, N>& b)->decltype(Int(a) OP b) {                 \
        return Int(a) OP b;                                                                        \
    }
TIMING_BINARY(+, Adding, plus)
TIMING_BINARY(-, Subtracting, minus)
TIMING_BINARY(*, Multiplying, mult)
TIMING_BINARY(/, Dividing, plus)
TIMING_BINARY(%, Remaining, plus)
TIMING_BINARY(&, And, logic)
TIMING_BINARY(|, Or, logic)
TIMING_BINARY(^, Xor, logic)
#undef TIMING_BINARY

#define TIMING_COMPARE(OP)                                                                         \
    template <int W, bool S, bool N, int W2, bool S2, bool N2>                                     \
    inline Bool operator OP(const Value<W, S, N>& a, const Value<W2, S2, N2>& b) {                 \
        const Node x = read(a), y = read(b);                                                       \
        return Bool(a.v OP b.v, apply(COMPARE, variable_width(a, b), x, y), Known());              \
    }                                                                                              \
    template <int W, bool S, bool N, class T, Plain<T> = 0>                                        \
    inline Bool operator OP(const Value<W, S, N>& a, T b) {                                        \
        return a OP Value<64, true, true>(b);                                                      \
    }                                                                                              \
    template <int W, bool S, bool N, class T, Plain<T> = 0>                                        \
    inline Bool operator OP(T a, const Value<W, S, N>& b) {                                        \
        return Value<64, true, true>(a) OP b;                                                      \
    }
TIMING_COMPARE(==)
TIMING_COMPARE(!=)
TIMING_COMPARE(<)
TIMING_COMPARE(<=)
TIMING_COMPARE(>)
TIMING_COMPARE(>=)
#undef TIMING_COMPARE

// a && b, a || b: the second is looked at only where C++ does, since an index in it may be none.
template <class A, class B>
inline Bool both(const A& a, const B& b) {
    const Node x = node_of(a);
    if (!truth(a)) return Bool(0, x, Known());
    const auto second = b();
    return Bool(truth(second), two(x, node_of(second)), Known());
}
template <class A, class B>
inline Bool either(const A& a, const B& b) {
    const Node x = node_of(a);
    if (truth(a)) return Bool(1, x, Known());
    const auto second = b();
    return Bool(truth(second), two(x, node_of(second)), Known());
}

template <int W, bool S, bool N>
inline Node shifted(const Value<W, S, N>& a, Node count, bool both_ways) {
    const Node node = read(a);
    if (count == CONSTANT) return slice(node);
    const Node once = apply(SHIFT, W, node, count);
    return both_ways ? apply(SELECT, 0, once, count) : once;
}
template <class T>
struct IsSigned : std::integral_constant<bool, std::is_signed<T>::value> {};
template <int W, bool S, bool N>
struct IsSigned<Value<W, S, N>> : std::integral_constant<bool, S> {};

template <int W, bool S, bool N, class T>
inline Value<(N ? 32 : W), S || N, N> operator<<(const Value<W, S, N>& a, const T& count) {
    const int64_t n = number(count);
    const Node node = shifted(a, index_node(count), !N && IsSigned<T>::value);
    return {n < 0 || n >= 64 ? 0 : int64_t(uint64_t(a.v) << n), node, Known()};
}
template <int W, bool S, bool N, class T>
inline Value<(N ? 32 : W), S || N, N> operator>>(const Value<W, S, N>& a, const T& count) {
    const int64_t n = number(count);
    const Node node = shifted(a, index_node(count), !N && IsSigned<T>::value);
    return {n < 0 || n >= 64 ? (a.v < 0 ? -1 : 0) : a.v >> n, node, Known()};
}
template <int W, bool S, bool N, class T, Plain<T> = 0>
inline Int operator<<(T a, const Value<W, S, N>& count) { return Int(a) << count; }
template <int W, bool S, bool N, class T, Plain<T> = 0>
inline Int operator>>(T a, const Value<W, S, N>& count) { return Int(a) >> count; }

// condition ? a : b, of which hardware computes both.
template <class T>
struct IsValue : std::false_type {};
template <int W, bool S, bool N>
struct IsValue<Value<W, S, N>> : std::true_type {};
template <class A, class B, class Enable = void>
struct Common {
    typedef A type;  // an enum, an aggregate, or both the same
};
template <int W, bool S, bool N, int W2, bool S2, bool N2>
struct Common<Value<W, S, N>, Value<W2, S2, N2>> {
    typedef Value<at_most_64(larger(W + (S2 && !S), W2 + (S && !S2))), S || S2, N && N2> type;
};
template <int W, bool S, bool N, class T>
struct Common<Value<W, S, N>, T, typename std::enable_if<std::is_integral<T>::value>::type> {
    typedef Value<W, S, N> type;
};
template <int W, bool S, bool N, class T>
struct Common<T, Value<W, S, N>, typename std::enable_if<std::is_integral<T>::value>::type> {
    typedef Value<W, S, N> type;
};
template <class T, class U>
struct Common<T, U, typename std::enable_if<std::is_integral<T>::value &&
                                            std::is_integral<U>::value>::type> {
    typedef Value<32, true, true> type;
};

template <class T>
inline T chosen(const T& value, Node, std::false_type) { return value; }
template <class T>
inline T chosen(const T& value, Node node, std::true_type) { return T(value.v, node, Known()); }
template <class T>
inline Node value_node(const T&, std::false_type) { return CONSTANT; }
template <class T>
inline Node value_node(const T& value, std::true_type) { return read(value); }

template <class C, class A, class B>
inline typename Common<A, B>::type select(const C& condition, const A& a, const B& b) {
    typedef typename Common<A, B>::type T;
    typedef IsValue<T> Is;
    const Node c = node_of(condition);
    const T x(a), y(b);
    if (c == CONSTANT) return truth(condition) ? x : y;
    const Node node = apply(SELECT, 0, c, value_node(x, Is()), value_node(y, Is()));
    return truth(condition) ? chosen(x, node, Is()) : chosen(y, node, Is());
}

// What a branch that is not taken would have written: chosen by its condition all the same.
template <int W, bool S, bool N>
inline void keep(Value<W, S, N>& value) { write(value, read_quietly(value)); }
template <class T>
inline void keep(T&&) {}

// What a function returns early or late.
template <class T>
inline T returned(const Guard& guard, const T& value) {
    typedef IsValue<T> Is;
    return chosen(value, guard.chosen(value_node(value, Is())), Is());
}

// A field of the stage table: one value for a whole loop, but no constant.
template <class E>
struct Constant {
    Constant() {}
    Constant(E value) : v(value) {}
    operator E() const { return v; }
    E v = E(0);
};
template <class E>
struct Common<E, Constant<E>> {
    typedef Constant<E> type;
};
#define TIMING_KIND(OP)                                                                            \
    template <class E>                                                                             \
    inline Bool operator OP(const Constant<E>& a, E b) {                                           \
        return Bool(a.v OP b, state().active ? INVARIANT : CONSTANT, Known());                     \
    }
TIMING_KIND(==)
TIMING_KIND(!=)
#undef TIMING_KIND
template <class E>
inline Node node_of(const Constant<E>&) { return INVARIANT; }
template <class E>
inline bool truth(const Constant<E>& value) { return value.v != E(0); }
template <class E>
inline int64_t number(const Constant<E>& value) { return int64_t(value.v); }

struct Invariant : Int {
    Invariant() { node = INVARIANT; }
    template <class T, Plain<T> = 0>
    Invariant(T value) : Int(value) { node = INVARIANT; }
    Invariant(const Invariant& other) : Int(other) { node = INVARIANT; }
    template <class T>
    Invariant& operator=(const T& other) {
        Int::operator=(other);
        return *this;
    }
};

// Any value: what streams and ports bring.
inline uint64_t anything() {
    static uint64_t x = 0x9E3779B97F4A7C15ull;
    x ^= x << 13;
    x ^= x >> 7;
    return x ^= x << 17;
}
template <int W, bool S, bool N>
inline void fill(Value<W, S, N>& value, Node node) {
    for (int low = 0; low < W; low += 64)
        value.set(low + 63 < W ? low + 63 : W - 1, low, anything());
    if (W < 64) value = Value<W, S, N>(int64_t(value.get(W - 1, 0)));
    write(value, node);
}
// A struct of narrow values.
template <class T>
inline void fill(T& item, Node node) {
    typedef Bits<64, false> Narrow;
    static_assert(sizeof(T) % sizeof(Narrow) == 0, "a stream's struct holds numbers alone");
    Narrow* values = reinterpret_cast<Narrow*>(&item);
    for (size_t i = 0; i < sizeof(T) / sizeof(Narrow); ++i) {
        values[i].v = 0;
        write(values[i], node);
    }
}
template <int W, bool S, bool N>
inline Node item_node(const Value<W, S, N>& value) { return read(value); }
template <class T>
inline Node item_node(const T& item) {
    const Bits<64, false>* values = reinterpret_cast<const Bits<64, false>*>(&item);
    Node node = CONSTANT;
    for (size_t i = 0; i < sizeof(T) / sizeof(*values); ++i) node = join(node, read(values[i]));
    return node;
}

}  // namespace timing

template <int W>
using ap_int = timing::Value<W, true>;
template <int W>
using ap_uint = timing::Value<W, false>;

#include <hls_stream.h>

#endif
