// One entry of the stage table: an operation of the network, mapped to the hardware.
#pragma once

namespace qnas {

enum Kind { LOAD_PATCHES, LOAD_RESIDUAL, GEMM, LAYER_NORM, SOFTMAX };
enum Tensor {
    NONE, WEIGHTS, PATCHES, RESIDUAL, NORMED, QUERY, KEY, VALUE, SCORES, PROBS, ATTENDED, HIDDEN,
    LOGITS
};
enum Epilogue {
    NO_EPILOGUE, TO_ACTIVATION, TO_NIBBLES, TO_GELU, TO_RESIDUAL, TO_RAW, TO_LOGITS
};

// Fields as in the plan; `row_steps` is the number of iterations of one row tile, `steps` that of
// the stage's loop over all of its tiles or tokens.
struct Stage {
    Kind kind;
    Tensor left, right, dst;
    Epilogue epilogue;
    short rows, slots, tokens, inner, head, token_offset;
    short row_tiles, token_tiles, beats, drain_steps, tile_steps;
    int load_steps, row_steps, steps, stream_words;
    int src_base, src_stride, left_base, left_stride, dst_base, dst_stride, dst_group_stride;
};

// What runs at once: a softmax (an index into the stage table, or -1), and beside it `count` other
// stages from `first` on, one after the other. They use one half of the attention buffers, the
// softmax the other half.
struct Step {
    short softmax, first, count, half;
};

// A network that the kernel can run: its entries of the step table, and its weight stream.
struct Network {
    short first_step, steps;
    int stream_words;
};

}  // namespace qnas
