// Test bench: runs images through the kernel and compares every value of every stage with the
// integer reference. Also counts the iterations of every pipelined loop.
//
//   tb [project [vectors.bin [result.json [packed images [images a call]]]]]
//
// `project`: its folder, for the weights. By default a call of the kernel has two passes; of fewer
// images than its passes take, the last one is repeated, and what comes of it is not compared.
//
// Of several networks in one kernel the images of a call run through one after the other, so that each
// finds what another one left in the memories.
//
// Products are made four a DSP, as in hardware, for so many images (by default for all) and those of the
// same pass, and for the others one by one: the sums are the same, the simulation is twice as fast.
//
// In co-simulation, where the kernel is RTL, only the logits are there to be compared.
//
// Exit status: 0 all equal, 1 mismatches, 2 unusable files, 3 a fault of a stream (hls_stream.h).
#include <algorithm>
#include <ctime>

#include "project.hpp"
#include "stages.hpp"
#include "taps.hpp"
#include "vectors.hpp"

namespace {

using qnas::trace::Counts;
const char* const LOOP_NAMES[qnas::trace::LOOPS] = {
    "load",       "table",     "prefetch",   "tiles",  "flush", "store",
    "parameters", "normalise", "parameters", "softmax"};

struct Mismatch {
    int image, stage, index;
    long long expected, got;
};

// What is found of one network.
struct Report {
    long long stages = 0, values = 0, mismatches = 0, correct = 0, varying_loops = 0;
    double seconds = 0;
    Mismatch first = Mismatch();
};

Report reports[plan::NETWORKS];
std::vector<Counts> loops(plan::STAGES);  // of the first pass

constexpr int PASSES_A_CALL = 2;  // of so many the ports' `depth` is, for co-simulation
typedef std::vector<tb::Record> Batch;  // of one network, the images of a call

// The call that runs, whose stages the callback compares.
struct Running {
    int network = 0, packed = 0;
    int first = 0, done = 0;                   // its first image, of all; images done before this pass
    const Batch* batch = nullptr;              // what its images must give
    std::vector<std::vector<int32_t>> logits;  // as last stages left them; none in co-simulation
} now;

const project::Network& network() { return project::NETWORKS[now.network]; }
Report& report() { return reports[now.network]; }
int whole_passes(int images) { return (images + plan::BATCH - 1) / plan::BATCH * plan::BATCH; }
int last_stage() { return network().first_stage + network().stages - 1; }

void compare(int image, int stage, int index, long long expected, long long got) {
    if (expected == got) return;
    if (report().mismatches++ == 0) report().first = {image, stage, index, expected, got};
}

void count_loops(int stage, const Counts& counts) {
    if (now.first + now.done == 0) loops[stage] = counts;
    if (std::memcmp(&loops[stage], &counts, sizeof(Counts)) != 0) ++report().varying_loops;
}

// Image number `number` of the call.
void check_image(int stage, int number, const int32_t* values) {
    const int count = project::VALUES[stage];
    const int32_t* expected = (*now.batch)[number].values.data() + project::FIRST[stage];
    if (std::memcmp(values, expected, count * sizeof(int32_t)) != 0)
        for (int i = 0; i < count; ++i)
            compare(now.first + number, stage, i, expected[i], values[i]);
    report().values += count;
    ++report().stages;
    if (stage == last_stage()) now.logits.emplace_back(values, values + count);
}

void check_stage(int stage, const std::vector<int32_t>& values, const Counts& counts) {
    if (stage < network().first_stage || stage > last_stage())
        tb::stop(std::string("stage ") + project::NAMES[stage] + " is of another network");
    if (int(values.size()) != plan::BATCH * project::VALUES[stage])
        tb::stop(std::string("stage ") + project::NAMES[stage] + " has another shape");
    for (int i = 0; i < plan::BATCH && now.done + i < int(now.batch->size()); ++i)
        check_image(stage, now.done + i, values.data() + i * project::VALUES[stage]);
    count_loops(stage, counts);
    if (stage != last_stage()) return;
    now.done += plan::BATCH;
    qnas::trace::packed = now.first + now.done < now.packed;
}

// The kernel's answer on its port, against the last stage of the reference. A logit that was wrong
// before it left is counted once.
void check_logits(size_t number, const ap_int<32>* logits, int label) {
    const int32_t* expected = (*now.batch)[number].values.data() + network().values - plan::CLASSES;
    int best = 0;
    for (int i = 0; i < plan::CLASSES; ++i) {
        const bool counted = number < now.logits.size() && now.logits[number][i] != expected[i];
        if (!counted)
            compare(now.first + int(number), last_stage(), i, expected[i], int(logits[i]));
        if (logits[i] > logits[best]) best = i;
    }
    report().correct += best == label;
}

void write_loops(std::FILE* out, const project::Network& of) {
    for (int s = of.first_stage; s < of.first_stage + of.stages; ++s) {
        std::fprintf(out, "%s\n    {\"stage\": \"%s\", \"loops\": [",
                     s > of.first_stage ? "," : "", project::NAMES[s]);
        const char* separator = "";
        for (int l = 0; l < qnas::trace::LOOPS; ++l) {
            if (loops[s].entries[l] + loops[s].trips[l] == 0) continue;
            std::fprintf(out, "%s{\"name\": \"%s\", \"trips\": %lld, \"entries\": %lld}", separator,
                         LOOP_NAMES[l], loops[s].trips[l], loops[s].entries[l]);
            separator = ", ";
        }
        std::fprintf(out, "]}");
    }
}

void write_mismatch(std::FILE* out, const Report& report) {
    const Mismatch& first = report.first;
    if (report.mismatches == 0)
        std::fprintf(out, "null");
    else
        std::fprintf(out,
                     "{\"stage\": \"%s\", \"image\": %d, \"index\": %d, \"expected\": %lld, "
                     "\"got\": %lld}",
                     project::NAMES[first.stage], first.image, first.index, first.expected,
                     first.got);
}

void write_network(std::FILE* out, int index, int images, int packed) {
    const Report& report = reports[index];
    std::fprintf(out, "{\n  \"network\": %d,\n  \"images\": %d,\n", index, images);
    std::fprintf(out, "  \"stages\": %lld,\n  \"values\": %lld,\n", report.stages, report.values);
    std::fprintf(out, "  \"packed_images\": %d,\n", packed);
    std::fprintf(out, "  \"mismatches\": %lld,\n  \"correct\": %lld,\n", report.mismatches,
                 report.correct);
    std::fprintf(out, "  \"accuracy\": %.17g,\n", images ? double(report.correct) / images : 0.0);
    std::fprintf(out, "  \"seconds\": %.6f,\n  \"first_mismatch\": ", report.seconds);
    write_mismatch(out, report);
    std::fprintf(out, ",\n  \"varying_loops\": %lld,\n  \"loops\": [", report.varying_loops);
    write_loops(out, project::NETWORKS[index]);
    std::fprintf(out, "\n  ]\n}");
}

void write_result(const std::string& path, const tb::Vectors& vectors, int packed) {
    std::FILE* out = std::fopen(path.c_str(), "w");
    if (!out) tb::stop("cannot write " + path);
    std::fprintf(out, "[");
    for (size_t n = 0; n < vectors.networks.size(); ++n) {
        std::fputs(n ? ", " : "", out);
        write_network(out, vectors.networks[n], vectors.images(), packed);
    }
    std::fprintf(out, "]\n");
    std::fclose(out);
}

void print_verdict(int index, int images) {
    const Report& report = reports[index];
    if (plan::NETWORKS > 1) std::printf("network %d: ", index);
    std::printf("%s: %d images, %lld stages, %lld values, %lld mismatches, %.2f %% correct, %.2f s\n",
                report.mismatches ? "MISMATCH" : "EQUAL", images, report.stages, report.values,
                report.mismatches, images ? 100.0 * report.correct / images : 0.0, report.seconds);
    const Mismatch& first = report.first;
    if (report.mismatches)
        std::printf("first mismatch: stage %s, image %d, index %d: expected %lld, got %lld\n",
                    project::NAMES[first.stage], first.image, first.index, first.expected,
                    first.got);
}

// What the ports read, of one network.
struct Weights {
    std::vector<qnas::port_word_t> words[plan::WEIGHT_PORTS];
    const qnas::port_word_t* ports[plan::WEIGHT_PORTS];
};

void read_weights(const std::string& folder, int index, Weights& weights) {
    for (int p = 0; p < plan::WEIGHT_PORTS; ++p) {
        weights.words[p] = tb::read_weights(folder + project::WEIGHTS[index][p],
                                            project::WEIGHTS_CRC32[index][p],
                                            qnas::NETWORKS[index].stream_words);
        weights.ports[p] = weights.words[p].data();
    }
}

// One call of the kernel, and what its images must give.
void run_call(const Weights& weights, const Batch& batch, int first, const tb::Vectors& vectors) {
    std::vector<qnas::port_word_t> words;
    const int images = int(batch.size()), taken = whole_passes(images);
    for (int i = 0; i < taken; ++i)
        tb::pack_image(batch[std::min(i, images - 1)].pixels, plan::IMAGE_PATCHES, words);
    std::vector<ap_int<32>> logits(size_t(taken) * plan::CLASSES, ap_int<32>(0));
    now.first = first;
    now.done = 0;
    now.batch = &batch;
    now.logits.clear();
    qnas::trace::packed = first < now.packed;
    const std::clock_t start = std::clock();
    project::kernel(weights.ports, words.data(), logits.data(), taken, now.network);
    report().seconds += double(std::clock() - start) / CLOCKS_PER_SEC;
    for (int i = 0; i < images; ++i)
        check_logits(size_t(i), logits.data() + i * plan::CLASSES, vectors.labels[first + i]);
}

// The next images of the file, by network.
std::vector<Batch> read_batch(tb::Vectors& vectors, int images) {
    std::vector<Batch> batches(vectors.networks.size());
    for (int i = 0; i < images; ++i)
        for (size_t n = 0; n < batches.size(); ++n)
            batches[n].push_back(vectors.next(vectors.networks[n]));
    return batches;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string folder = argc > 1 ? std::string(argv[1]) + "/" : "";
    const std::string vectors_path = argc > 2 ? argv[2] : folder + "data/vectors.bin";
    std::vector<Weights> weights(plan::NETWORKS);
    for (int index = 0; index < plan::NETWORKS; ++index)
        read_weights(folder, index, weights[index]);
    tb::Vectors vectors(vectors_path);
    const int images = vectors.images();
    now.packed = std::min(argc > 4 ? whole_passes(std::atoi(argv[4])) : images, images);
    const int passes = PASSES_A_CALL * plan::BATCH;
    const int a_call = argc > 5 ? whole_passes(std::max(1, std::atoi(argv[5]))) : passes;
    tb::on_stage = check_stage;

    for (int first = 0; first < images; first += a_call) {
        const std::vector<Batch> batches = read_batch(vectors, std::min(a_call, images - first));
        for (size_t n = 0; n < batches.size(); ++n) {
            now.network = vectors.networks[n];
            run_call(weights[now.network], batches[n], first, vectors);
        }
    }
    if (argc > 3) write_result(argv[3], vectors, now.packed);
    bool passed = true;
    for (int index : vectors.networks) {
        print_verdict(index, images);
        passed = passed && reports[index].mismatches + reports[index].varying_loops == 0;
    }
    return passed ? 0 : 1;
}
