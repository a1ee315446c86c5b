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

// Fields as in the plan; `row_tiles` are those that are loaded in a pass, of attention of all images,
// `steps` the iterations of a load or a norm.
struct Stage {
    Kind kind;
    Tensor left, right, dst;
    Epilogue epilogue;
    short rows, slots, tokens, inner, head, half, token_offset;
    short row_tiles, token_tiles, beats, drain_steps, tile_steps, param_steps, w8_rows, w8_more;
    int load_steps, steps;
    int src_base, src_stride, left_base, left_stride, dst_base, dst_stride, dst_group_stride;
};

// What runs at once: a softmax (an index into the stage table, or -1), and beside it `count` other
// stages from `first` on, one after the other. With a softmax beside them they use the other half of
// the attention buffers.
struct Step {
    short softmax, first, count;
};

// A network that the kernel can run: its entries of the step table, and its weight stream.
struct Network {
    short first_step, steps;
    int stream_words;
};

}  // namespace qnas
