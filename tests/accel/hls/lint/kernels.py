"""Small kernels for the rules: a loop as it should be, to break in one place each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qnas.accel.hls.lint import Finding, Sources

Rule = Callable[[Sources], Iterator[Finding]]

ENGINE = """\
namespace qnas {
constexpr int ROWS = 64;
typedef ap_int<6> Memory[ROWS][4];
typedef hls::stream<int> Words;
struct Stage { int rows, tokens; };

inline void multiply_accumulate(const ap_int<6> act[4], int sum[4]) {
    for (int k = 0; k < 4; ++k) {
#pragma HLS UNROLL
        sum[k] += act[k];
    }
}

inline void emit(int row, const int values[4], Memory& memory) {
    for (int k = 0; k < 4; ++k) {
#pragma HLS UNROLL
        memory[row][k] = values[k];
    }
}

void engine(const Stage& stage, Words& words, Memory& act) {
    int sum[4], largest = 0, total = 0;
steps:
    for (int i = 0; i < stage.rows; ++i) {
#pragma HLS PIPELINE II=1
        int word = 0;
        const bool there = words.read_nb(word);
        if (there) multiply_accumulate(act[i], sum);
        for (int k = 0; k < 4; ++k) {
#pragma HLS UNROLL
            total += sum[k];
        }
        if (total > largest) largest = total;
        if (there) emit(i, sum, act);
    }
}

static void run(Words& words) {
    static Memory act;
#pragma HLS ARRAY_PARTITION variable=act complete dim=2
#pragma HLS BIND_STORAGE variable=act type=ram_s2p impl=bram
    const Stage stage = {1, 2};
all:
    for (int i = 0; i < 3; ++i) {
#pragma HLS PIPELINE off
        engine(stage, words, act);
    }
}
}  // namespace qnas
"""
REGION = """\
namespace qnas {
typedef hls::stream<int> Words;
struct Stage { int rows; };

void fill(const int* image, int count, Words& words) {
    for (int i = 0; i < count; ++i) {
#pragma HLS PIPELINE II=1
        words.write(image[i]);
    }
}

void next(Words& words, int* logits) {
    logits[0] = words.read();
}

void drain(Words& words, int count, int* logits) {
    for (int i = 0; i < count; ++i) {
#pragma HLS PIPELINE II=1
        next(words, logits);
    }
}

void top(const int* image, int* logits, int count) {
#pragma HLS DATAFLOW
    Words words("words");
#pragma HLS STREAM variable=words depth=64
#pragma HLS BIND_STORAGE variable=words type=fifo impl=srl
    QNAS_DEPTH(words, 64);
    QNAS_PROCESS(fill(image, count, words));
    QNAS_PROCESS(drain(words, count, logits));
    QNAS_JOIN();
}
}  // namespace qnas
"""


def findings(rule: Rule, text: str, before: str = "", after: str = "") -> list[str]:
    """What a rule says of a kernel in which one piece of text was replaced."""
    assert before in text, "the text to break is not there any more"
    return [f"{f.rule}: {f.text}" for f in rule({"src/x.hpp": text.replace(before, after, 1)})]
