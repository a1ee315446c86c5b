// Results of the stages, read out of the memories in the canonical order of the reference.
#pragma once
#include <cstdint>
#include <vector>

#include "trace.hpp"

namespace tb {

// Called with the result of each stage that ran.
typedef void (*StageCallback)(int index, const std::vector<int32_t>& values,
                              const qnas::trace::Counts& counts);
void on_stage(StageCallback callback);

}  // namespace tb
