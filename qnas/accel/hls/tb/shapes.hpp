// Shapes of the kernel's memories, for the compiler to compare with the plan's.
#pragma once
#include <type_traits>

#include "types.hpp"

namespace tb {

// Elements of all dimensions of an array type; of an element, one.
template <class Array>
constexpr long elements() {
    return long(sizeof(Array) / sizeof(typename std::remove_all_extents<Array>::type));
}

// Whether a memory has so many banks, of so many rows and bits: its first dimension is the row, the
// others are banks. Accumulators are registers: all dimensions are banks of one row.
template <class Memory>
constexpr bool has_shape(long banks, long rows, int bits) {
    typedef typename std::remove_all_extents<Memory>::type Element;
    return elements<Memory>() == banks * rows && Element::width == bits &&
           (rows == 1 || long(std::extent<Memory>::value) == rows);
}

}  // namespace tb
