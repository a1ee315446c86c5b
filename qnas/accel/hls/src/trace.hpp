// Hooks of the test bench: loop counters and a look at each stage's result. Without QNAS_TRACE,
// in synthesis above all, nothing of it is left.
#pragma once
#include "stage.hpp"
#include "types.hpp"

namespace qnas {
namespace trace {

// From SCALARS on those of a softmax, which may run beside a stage whose loops are the others.
enum Loop {
    LOAD, TABLE, PREFETCH, TILES, FLUSH, STORE, PARAMETERS, NORMALISE, SCALARS, SOFTMAX, LOOPS
};

}  // namespace trace
}  // namespace qnas

#ifdef QNAS_TRACE
namespace qnas {
namespace trace {
struct Counts {
    long long trips[LOOPS], entries[LOOPS];
};
extern Counts counts;  // of the stage that runs; the test bench owns it
// Whether products are made four a DSP, as the hardware does, or one by one: equal sums, faster.
extern bool packed;

// Called after each stage; the test bench reads the stage's result out of the memories.
void tap(int index, const Stage& stage, const ActMemory& act, const KeyMemory& key,
         const ScoreMemory& score, const ResidualMemory& residual, const LogitMemory& logit);
void tap(int index, const Stage& stage, const ProbMemory& prob,
         const QueryScaleMemory& query_scale);
}  // namespace trace
}  // namespace qnas
#define QNAS_ENTER(loop) (++::qnas::trace::counts.entries[loop])
#define QNAS_COUNT(loop) (++::qnas::trace::counts.trips[loop])
#define QNAS_PACKED (::qnas::trace::packed)
#define QNAS_TAP(...) ::qnas::trace::tap(__VA_ARGS__)
#else
#define QNAS_ENTER(loop)
#define QNAS_COUNT(loop)
#define QNAS_PACKED true
#define QNAS_TAP(...)
#endif
