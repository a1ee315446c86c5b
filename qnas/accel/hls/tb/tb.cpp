// Test bench: runs images through the kernel and compares every value of every stage with the
// integer reference. Also counts the iterations of every pipelined loop.
//
//   tb [project [vectors.bin [result.json [packed images]]]]
//
// `project`: its folder, for the weights.
//
// Products are made four a DSP, as in hardware, for so many images (by default for all), and for the
// others one by one: the sums are the same, the simulation is twice as fast.
//
// In co-simulation, where the kernel is RTL, only the logits are there to be compared.
//
// Exit status: 0 all equal, 1 mismatches, 2 unusable files, 3 a fault of a stream (hls_stream.h).
#include <algorithm>
#include <ctime>

#include "project.hpp"
#include "taps.hpp"
#include "vectors.hpp"

namespace {

using qnas::trace::Counts;
const char* const LOOP_NAMES[qnas::trace::LOOPS] = {
    "load",       "table",      "prefetch",  "tiles",   "flush",       "store",
    "parameters", "statistics", "normalise", "maximum", "exponentials"};

struct Mismatch {
    int image, stage, index;
    long long expected, got;
};

// What the callback of the running image writes to.
struct Report {
    int image = 0;
    const int32_t* expected = nullptr;  // of this image
    long long stages = 0, values = 0, mismatches = 0, correct = 0, varying_loops = 0;
    std::vector<int32_t> logits;  // as the last stage left them; empty in co-simulation
    Mismatch first = Mismatch();
    std::vector<Counts> loops = std::vector<Counts>(plan::STAGES);
} report;

void compare(int stage, int index, long long expected, long long got) {
    if (expected == got) return;
    if (report.mismatches++ == 0) report.first = {report.image, stage, index, expected, got};
}

void count_loops(int stage, const Counts& counts) {
    if (report.image == 0) report.loops[stage] = counts;
    if (std::memcmp(&report.loops[stage], &counts, sizeof(Counts)) != 0) ++report.varying_loops;
}

void check_stage(int stage, const std::vector<int32_t>& values, const Counts& counts) {
    if (int(values.size()) != project::VALUES[stage])
        tb::stop(std::string("stage ") + project::NAMES[stage] + " has another shape");
    const int32_t* expected = report.expected + project::FIRST[stage];
    if (std::memcmp(values.data(), expected, values.size() * sizeof(int32_t)) != 0)
        for (size_t i = 0; i < values.size(); ++i)
            compare(stage, int(i), expected[i], values[i]);
    report.values += (long long)values.size();
    if (stage == plan::STAGES - 1) report.logits = values;
    ++report.stages;
    count_loops(stage, counts);
}

// The kernel's answer on its port, against the last stage of the reference. A logit that was wrong
// before it left is counted once.
void check_logits(const std::vector<ap_int<32>>& logits, const int32_t* expected, int label) {
    int best = 0;
    for (int i = 0; i < plan::CLASSES; ++i) {
        const bool counted = !report.logits.empty() && report.logits[i] != expected[i];
        if (!counted) compare(plan::STAGES - 1, i, expected[i], int(logits[i]));
        if (logits[i] > logits[best]) best = i;
    }
    report.correct += best == label;
}

void write_loops(std::FILE* out) {
    for (int s = 0; s < plan::STAGES; ++s) {
        std::fprintf(out, "%s\n    {\"stage\": \"%s\", \"loops\": [", s ? "," : "", project::NAMES[s]);
        const char* separator = "";
        for (int l = 0; l < qnas::trace::LOOPS; ++l) {
            if (report.loops[s].entries[l] + report.loops[s].trips[l] == 0) continue;
            std::fprintf(out, "%s{\"name\": \"%s\", \"trips\": %lld, \"entries\": %lld}", separator,
                         LOOP_NAMES[l], report.loops[s].trips[l], report.loops[s].entries[l]);
            separator = ", ";
        }
        std::fprintf(out, "]}");
    }
}

void write_result(const std::string& path, int images, int packed, double seconds) {
    std::FILE* out = std::fopen(path.c_str(), "w");
    if (!out) tb::stop("cannot write " + path);
    std::fprintf(out, "{\n  \"images\": %d,\n  \"stages\": %lld,\n  \"values\": %lld,\n", images,
                 report.stages, report.values);
    std::fprintf(out, "  \"packed_images\": %d,\n", packed);
    std::fprintf(out, "  \"mismatches\": %lld,\n  \"correct\": %lld,\n", report.mismatches,
                 report.correct);
    std::fprintf(out, "  \"accuracy\": %.17g,\n", images ? double(report.correct) / images : 0.0);
    std::fprintf(out, "  \"seconds\": %.6f,\n  \"first_mismatch\": ", seconds);
    const Mismatch& first = report.first;
    if (report.mismatches == 0)
        std::fprintf(out, "null");
    else
        std::fprintf(out,
                     "{\"stage\": \"%s\", \"image\": %d, \"index\": %d, \"expected\": %lld, "
                     "\"got\": %lld}",
                     project::NAMES[first.stage], first.image, first.index, first.expected,
                     first.got);
    std::fprintf(out, ",\n  \"varying_loops\": %lld,\n  \"loops\": [", report.varying_loops);
    write_loops(out);
    std::fprintf(out, "\n  ]\n}\n");
    std::fclose(out);
}

void print_verdict(int images, double seconds) {
    std::printf("%s: %d images, %lld stages, %lld values, %lld mismatches, %.2f %% correct, %.2f s\n",
                report.mismatches ? "MISMATCH" : "EQUAL", images, report.stages, report.values,
                report.mismatches, images ? 100.0 * report.correct / images : 0.0, seconds);
    const Mismatch& first = report.first;
    if (report.mismatches)
        std::printf("first mismatch: stage %s, image %d, index %d: expected %lld, got %lld\n",
                    project::NAMES[first.stage], first.image, first.index, first.expected,
                    first.got);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string folder = argc > 1 ? std::string(argv[1]) + "/" : "";
    const std::string vectors_path = argc > 2 ? argv[2] : folder + "data/vectors.bin";
    std::vector<qnas::port_word_t> weights[plan::WEIGHT_PORTS];
    const qnas::port_word_t* weight_ports[plan::WEIGHT_PORTS];
    for (int p = 0; p < plan::WEIGHT_PORTS; ++p) {
        weights[p] = tb::read_weights(folder + project::WEIGHTS[p], project::WEIGHTS_CRC32[p]);
        weight_ports[p] = weights[p].data();
    }
    tb::Vectors vectors(vectors_path, project::PIXELS, project::ALL_VALUES);
    const int packed = argc > 4 ? std::min(std::atoi(argv[4]), vectors.images()) : vectors.images();
    tb::on_stage = check_stage;

    double seconds = 0;
    for (int image = 0; image < vectors.images(); ++image) {
        vectors.next();
        const std::vector<qnas::port_word_t> words =
            tb::pack_image(vectors.pixels, plan::TOKENS - 1);
        std::vector<ap_int<32>> logits(plan::CLASSES, ap_int<32>(0));
        report.image = image;
        qnas::trace::packed = image < packed;
        report.expected = vectors.values.data();
        const std::clock_t start = std::clock();
        project::kernel(weight_ports, words.data(), logits.data());
        seconds += double(std::clock() - start) / CLOCKS_PER_SEC;
        check_logits(logits, vectors.values.data() + project::ALL_VALUES - plan::CLASSES,
                     vectors.labels[image]);
    }
    if (argc > 3) write_result(argv[3], vectors.images(), packed, seconds);
    print_verdict(vectors.images(), seconds);
    return report.mismatches == 0 && report.varying_loops == 0 ? 0 : 1;
}
