// Stand-in for Xilinx's ap_int.h, for C simulation alone; synthesis never sees it (it is found by
// -I order). Values are native integers, so that loops over them vectorise; expressions have the
// widths of the original (a product is as wide as both operands together), assignment wraps.
// Beyond 64 bits only whole words, fields and comparison exist: arithmetic there does not compile.
#ifndef QNAS_SIM_AP_INT_H
#define QNAS_SIM_AP_INT_H

#include <cstdint>
#include <type_traits>

template <int W, bool S>
struct ap_value;
template <int W>
using ap_int = ap_value<W, true>;
template <int W>
using ap_uint = ap_value<W, false>;

namespace ap_sim {

constexpr int larger(int a, int b) { return a > b ? a : b; }

template <int W, bool S>
struct Native {
    static_assert(W >= 1 && W <= 64, "the stand-in computes with at most 64 bits");
    typedef typename std::conditional<
        (W <= 8), int8_t,
        typename std::conditional<
            (W <= 16), int16_t,
            typename std::conditional<(W <= 32), int32_t, int64_t>::type>::type>::type Signed;
    typedef typename std::conditional<S, Signed, typename std::make_unsigned<Signed>::type>::type
        type;
};

// The low W bits of `value`, read as signed or unsigned. Narrow types stay in 32-bit arithmetic,
// which vector units shift natively.
template <int W, bool S, class U>
inline typename Native<W, S>::type wrap(U value) {
    typedef typename Native<W, S>::type T;
    typedef typename std::conditional<(W <= 32), uint32_t, uint64_t>::type Wide;
    typedef typename std::make_signed<Wide>::type SignedWide;
    constexpr int unused = int(sizeof(Wide)) * 8 - W;
    const Wide bits = Wide(value) << unused;
    return S ? T(SignedWide(bits) >> unused) : T(bits >> unused);
}

// Widths and signs of expressions, as in Xilinx's headers.
template <int W, bool S, int W2, bool S2>
struct Result {
    static constexpr int both = larger(W + (S2 && !S), W2 + (S && !S2));
    typedef ap_value<W + W2, S || S2> mult;
    typedef ap_value<both + 1, S || S2> plus;
    typedef ap_value<both + 1, true> minus;
    typedef ap_value<both, S || S2> logic;
};

template <int W, bool S, int W2, bool S2>
struct Quotient {
    // Xilinx's headers divide operands of different signs by rules of their own: not used here.
    typedef typename std::enable_if<S == S2, ap_value<W + S2, S>>::type div;
    typedef typename std::enable_if<S == S2, ap_value<(W < W2 ? W : W2), S>>::type mod;
};

// Native type that an expression is computed in.
template <bool Narrow, bool S>
struct Compute {
    typedef typename std::conditional<
        Narrow, int32_t, typename std::conditional<S, int64_t, uint64_t>::type>::type type;
};

// A native integer as an operand.
template <class T>
struct Operand {
    static constexpr int width = std::is_same<T, bool>::value ? 1 : int(sizeof(T)) * 8;
    static constexpr bool is_signed = std::is_signed<T>::value;
    typedef ap_value<width, is_signed> type;
};

template <class T>
using Integer = typename std::enable_if<std::is_integral<T>::value, int>::type;

struct Unwrapped {};  // constructor tag: the value is known to fit

// x.range(hi, lo): a field, to read or to assign. At most 64 bits.
template <class Word>
class Field {
  public:
    Field(Word& word, int high, int low) : word_(word), high_(high), low_(low) {}
    operator uint64_t() const { return word_.get(high_, low_); }
    template <class U>
    Field& operator=(const U& value) {
        word_.set(high_, low_, uint64_t(int64_t(value)));
        return *this;
    }
    Field& operator=(const Field& other) {
        word_.set(high_, low_, uint64_t(other));
        return *this;
    }

  private:
    Word& word_;
    int high_, low_;
};

constexpr uint64_t ones(int bits) { return bits >= 64 ? ~0ULL : (1ULL << bits) - 1; }

template <int W, bool S, bool Wide>
struct Storage;

template <int W, bool S>
struct Storage<W, S, false> {
    typedef typename Native<W, S>::type T;
    T v;
    uint64_t get(int high, int low) const {
        return (uint64_t(int64_t(v)) >> low) & ones(high - low + 1);
    }
    void set(int high, int low, uint64_t bits) {
        const uint64_t mask = ones(high - low + 1) << low;
        v = wrap<W, S>((uint64_t(int64_t(v)) & ~mask) | ((bits << low) & mask));
    }
    operator T() const { return v; }
};

template <int W, bool S>
struct Storage<W, S, true> {
    static constexpr int limbs = (W + 63) / 64;
    uint64_t v[limbs];
    uint64_t get(int high, int low) const {
        const int index = low / 64, offset = low % 64;
        uint64_t bits = v[index] >> offset;
        if (offset != 0 && high / 64 != index) bits |= v[index + 1] << (64 - offset);
        return bits & ones(high - low + 1);
    }
    void set(int high, int low, uint64_t bits) {
        const int index = low / 64, offset = low % 64;
        const uint64_t mask = ones(high - low + 1);
        v[index] = (v[index] & ~(mask << offset)) | ((bits & mask) << offset);
        if (offset != 0 && high / 64 != index) {
            const int rest = 64 - offset;
            v[index + 1] = (v[index + 1] & ~(mask >> rest)) | ((bits & mask) >> rest);
        }
    }
};

}  // namespace ap_sim

template <int W, bool S>
struct ap_value : ap_sim::Storage<W, S, (W > 64)> {
    typedef ap_sim::Storage<W, S, (W > 64)> Base;
    static constexpr int width = W;
    static constexpr bool is_signed = S;

    ap_value() = default;  // without a value, as in the original

    template <class U, ap_sim::Integer<U> = 0>
    ap_value(U value) {
        assign(value, std::integral_constant<bool, (W > 64)>());
    }
    template <class U, ap_sim::Integer<U> = 0>
    ap_value(U value, ap_sim::Unwrapped) {
        this->v = typename Base::T(value);
    }
    template <int W2, bool S2>
    ap_value(const ap_value<W2, S2>& other) {
        static_assert(W <= 64 && W2 <= 64, "wide words are read by field");
        constexpr bool fits = S == S2 ? W2 <= W : (S && W2 < W);
        this->v = fits ? typename Base::T(other.v) : ap_sim::wrap<W, S>(other.v);
    }
    template <class Word>
    ap_value(const ap_sim::Field<Word>& field) : ap_value(uint64_t(field)) {}

    uint64_t range(int high, int low) const { return this->get(high, low); }
    ap_sim::Field<Base> range(int high, int low) {
        return ap_sim::Field<Base>(*this, high, low);
    }
    bool operator[](int bit) const { return this->get(bit, bit) != 0; }

    template <class U>
    ap_value& operator+=(const U& other) { return *this = *this + other; }
    template <class U>
    ap_value& operator-=(const U& other) { return *this = *this - other; }
    template <class U>
    ap_value& operator*=(const U& other) { return *this = *this * other; }
    template <class U>
    ap_value& operator>>=(const U& other) { return *this = *this >> other; }
    template <class U>
    ap_value& operator<<=(const U& other) { return *this = *this << other; }
    ap_value& operator++() { return *this = *this + 1; }
    ap_value& operator--() { return *this = *this - 1; }

    ap_value<W + 1, true> operator-() const {
        return ap_value<W + 1, true>(-int64_t(this->v), ap_sim::Unwrapped());
    }
    ap_value operator~() const { return ap_value(~this->v); }

  private:
    template <class U>
    void assign(U value, std::false_type) {
        this->v = ap_sim::wrap<W, S>(value);
    }
    template <class U>
    void assign(U value, std::true_type) {
        this->v[0] = uint64_t(int64_t(value));
        for (int i = 1; i < Base::limbs; ++i) this->v[i] = value < U(0) ? ~0ULL : 0ULL;
    }
};

// Arithmetic: exact in the result's width, hence no wrapping.
#define AP_SIM_BINARY(OP, RULE, KIND)                                                            \
    template <int W, bool S, int W2, bool S2>                                                    \
    inline typename ap_sim::RULE<W, S, W2, S2>::KIND operator OP(                                \
        const ap_value<W, S>& a, const ap_value<W2, S2>& b) {                                    \
        typedef typename ap_sim::RULE<W, S, W2, S2>::KIND R;                                     \
        typedef ap_sim::Compute<(R::width < 32 && W < 32 && W2 < 32), S || S2 || R::is_signed> C; \
        return R(typename C::type(a.v) OP typename C::type(b.v), ap_sim::Unwrapped());                                         \
    }                                                                                            \
    template <int W, bool S, class T, ap_sim::Integer<T> = 0>                                    \
    inline auto operator OP(const ap_value<W, S>& a, T b)                                        \
        ->decltype(a OP typename ap_sim::Operand<T>::type(b)) {                                  \
        return a OP typename ap_sim::Operand<T>::type(b);                                        \
    }                                                                                            \
    template <int W, bool S, class T, ap_sim::Integer<T> = 0>                                    \
    inline auto operator OP(T a, const ap_value<W, S>& b)                                        \
        ->decltype(typename ap_sim::Operand<T>::type(a) OP b) {                                  \
        return typename ap_sim::Operand<T>::type(a) OP b;                                        \
    }
AP_SIM_BINARY(+, Result, plus)
AP_SIM_BINARY(-, Result, minus)
AP_SIM_BINARY(*, Result, mult)
AP_SIM_BINARY(/, Quotient, div)
AP_SIM_BINARY(%, Quotient, mod)
AP_SIM_BINARY(&, Result, logic)
AP_SIM_BINARY(|, Result, logic)
AP_SIM_BINARY(^, Result, logic)
#undef AP_SIM_BINARY

#define AP_SIM_COMPARE(OP)                                                                       \
    template <int W, bool S, int W2, bool S2>                                                    \
    inline bool operator OP(const ap_value<W, S>& a, const ap_value<W2, S2>& b) {                \
        typedef typename std::conditional<(W < 32 && W2 < 32), int32_t, int64_t>::type C;        \
        return C(a.v) OP C(b.v);                                                                 \
    }                                                                                            \
    template <int W, bool S, class T, ap_sim::Integer<T> = 0>                                    \
    inline bool operator OP(const ap_value<W, S>& a, T b) {                                      \
        return int64_t(a.v) OP int64_t(b);                                                       \
    }                                                                                            \
    template <int W, bool S, class T, ap_sim::Integer<T> = 0>                                    \
    inline bool operator OP(T a, const ap_value<W, S>& b) {                                      \
        return int64_t(a) OP int64_t(b.v);                                                       \
    }
AP_SIM_COMPARE(==)
AP_SIM_COMPARE(!=)
AP_SIM_COMPARE(<)
AP_SIM_COMPARE(<=)
AP_SIM_COMPARE(>)
AP_SIM_COMPARE(>=)
#undef AP_SIM_COMPARE

// Shifts keep the width of the left operand, as in the original; the count is not negative.
template <int W, bool S, class T>
inline ap_value<W, S> operator<<(const ap_value<W, S>& a, const T& count) {
    const int n = int(count);
    return n >= W ? ap_value<W, S>(0) : ap_value<W, S>(uint64_t(int64_t(a.v)) << n);
}
template <int W, bool S, class T>
inline ap_value<W, S> operator>>(const ap_value<W, S>& a, const T& count) {
    typedef typename ap_value<W, S>::Base::T V;
    const int n = int(count);
    return ap_value<W, S>(n >= W ? V(S && a.v < 0 ? -1 : 0) : V(a.v >> n), ap_sim::Unwrapped());
}

#endif
