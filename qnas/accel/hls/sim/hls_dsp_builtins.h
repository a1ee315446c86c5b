// Stand-in for Xilinx's hls_dsp_builtins.h, for C simulation alone: of its DSP intrinsics the cascade,
// as UG1399 ("DSP Cascading") describes it, for the DSPs of each family.
//
// Registers that only pipeline leave the value as it is. A second register on an operand that goes
// down the cascade would delay it by a call; nothing here uses one.
#ifndef QNAS_SIM_HLS_DSP_BUILTINS_H
#define QNAS_SIM_HLS_DSP_BUILTINS_H

#include <ap_int.h>

#include <cstdint>

#define QNAS_DSP_FAMILY(NAME, A_BITS, B_BITS, C_BITS)                                      \
    namespace NAME {                                                                       \
    typedef ap_int<A_BITS> A_t;                                                            \
    typedef ap_int<B_BITS> B_t;                                                            \
    typedef ap_int<C_BITS> C_t;                                                            \
    constexpr int64_t REG_A1 = 1, REG_A2 = 2, REG_B1 = 4, REG_B2 = 8, REG_M = 64, REG_P = 256; \
    struct R_t {                                                                           \
        A_t acout;                                                                         \
        B_t bcout;                                                                         \
        C_t pcout;                                                                         \
    };                                                                                     \
    template <int64_t FLAGS>                                                               \
    struct cascade {                                                                       \
        static_assert((FLAGS & REG_M) && (FLAGS & REG_P), "a cascade needs M and P");      \
        static_assert(!(FLAGS & (REG_A2 | REG_B2)), "operands are not delayed here");      \
        R_t mul_add(A_t a, B_t b, C_t c) {                                                 \
            const R_t result = {a, b, C_t(a * b + c)};                                     \
            return result;                                                                 \
        }                                                                                  \
    };                                                                                     \
    }

namespace hls {
QNAS_DSP_FAMILY(dsp48e1, 25, 18, 48)
QNAS_DSP_FAMILY(dsp48e2, 27, 18, 48)
QNAS_DSP_FAMILY(dsp58, 27, 24, 58)
}  // namespace hls

#undef QNAS_DSP_FAMILY

#endif
