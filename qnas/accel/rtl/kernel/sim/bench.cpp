// Runs the images of a folder through the kernel, network by network, and compares the result of
// every stage with the integer reference's.
//
// bench FOLDER: reads run.txt and, of each network n, weights_n_p.bin (a file a port), image_n.bin,
// stages_n.bin (where the values of each stage lie) and expected_n.bin; writes result.json.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "Vkernel.h"
#include "Vkernel___024root.h"
#include "verilated.h"

#include "axi_memory.hpp"
#include "design.hpp"
#include "shadow.hpp"

namespace {

constexpr uint64_t BASE = 2048;  // where each port's memory begins
constexpr int RESET_CLOCKS = 64;  // the kernel's own reset goes on so long
constexpr int CONTROL = 0x00, FIRST_REGISTER = 0x10;

template <class T>
std::vector<T> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) sim::fail(("missing: " + path).c_str());
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
}

// Values of a stage: of each segment a field of words of one memory.
struct Segment {
    int memory, shift, width, is_signed;
    long image;  // words from one image of a pass to the next
    std::vector<int32_t> words;
};
struct Stage {
    std::vector<Segment> segments;
    std::size_t first = 0, count = 0;  // among the values of an image
};

struct Network {
    std::vector<Stage> stages;
    std::vector<int32_t> expected;
    std::size_t values = 0;

    explicit Network(const std::string& folder, int index) {
        const std::string suffix = "_" + std::to_string(index) + ".bin";
        expected = read_file<int32_t>(folder + "/expected" + suffix);
        const std::vector<int32_t> words = read_file<int32_t>(folder + "/stages" + suffix);
        std::size_t at = 0;
        stages.resize(words[at++]);
        for (Stage& stage : stages) {
            stage.first = values;
            stage.segments.resize(words[at++]);
            for (Segment& segment : stage.segments) {
                segment.memory = words[at];
                segment.shift = words[at + 1];
                segment.width = words[at + 2];
                segment.is_signed = words[at + 3];
                segment.image = words[at + 4];
                const std::size_t count = words[at + 5];
                at += 6;
                segment.words.assign(words.begin() + at, words.begin() + at + count);
                at += count;
                stage.count += count;
            }
            values += stage.count;
        }
    }
};

struct Mismatch {
    int stage, image;
    long index, expected, got;
};

struct Outcome {
    long values = 0, mismatches = 0, clocks = 0;
    std::vector<Mismatch> first;  // none or one
    std::vector<long> pass_ends;
    // Of the first pass and of the last one: clock at which each stage begins and ends.
    std::vector<long> begins, ends, last_begins, last_ends;
    long port_words = 0;
};

class Bench {
  public:
    Bench(const std::string& folder, std::map<std::string, long>& options)
        : folder_(folder), options_(options), images_(int(options["images"])) {
        context_.randReset(2);  // memories and registers begin with anything
        context_.randSeed(int(options["seed"]) + 1);
        timing_.latency = int(options["latency_cycles"]);
        timing_.jitter = int(options["jitter_cycles"]);
        timing_.period = int(options["refresh_period_cycles"]);
        timing_.pause = int(options["refresh_cycles"]);
        timing_.words = int(options["words"]);
        timing_.stalls = int(options["stalls"]);
        timing_.seed = unsigned(options["seed"]);
        top_ = std::make_unique<Vkernel>(&context_);
#define QNAS_SHADOW(name, width, banks, rows, write_rows) \
    shadows_.emplace_back(width, banks, rows, write_rows);
        QNAS_MEMORIES(QNAS_SHADOW)
#undef QNAS_SHADOW
        logits_.resize(BASE + std::size_t(images_) * design::CLASSES * 4);
        idle();
        top_->ap_rst_n = 0;
        for (int i = 0; i < 8; ++i) clock();
        top_->ap_rst_n = 1;
        for (int i = 0; i < RESET_CLOCKS; ++i) clock();
    }

    Outcome run(int index) {
        const Network network(folder_, index);
        network_ = &network;
        outcome_ = Outcome();
        first_stage_ = design::FIRST_STAGES[index];
        outcome_.begins.resize(network.stages.size());
        outcome_.ends = outcome_.last_begins = outcome_.last_ends = outcome_.begins;
        image_ = 0;
        load(index);
        int at = FIRST_REGISTER;
        for (int port = 0; port < design::PORTS; ++port, at += 12) {
            write(at, uint32_t(BASE));
            write(at + 4, 0);
        }
        write(at, uint32_t(images_));
        if (design::NETWORKS > 1) write(at + 8, uint32_t(index));
        write(CONTROL, 1);
        start_ = now_;
        last_event_ = now_;
        while (!(read(CONTROL) & 2)) {
            for (int i = 0; i < 16; ++i) clock();
            if (now_ - last_event_ > options_["patience"]) stand_still();
        }
        outcome_.clocks = now_ - start_;
        if (writer_->answered != long(images_) * design::CLASSES) sim::fail("logits too many or few");
        check_logits();
        return outcome_;
    }

  private:
    [[noreturn]] void stand_still() {
        const auto& root = *top_->rootp;
        const int index = root.QNAS_KERNEL(finished_index);
        const int softmax = root.QNAS_KERNEL(softmax_index);
        std::string text = "one that stands still in image " + std::to_string(image_) +
                           ", stage " + std::to_string(index) + " or stage " +
                           std::to_string(softmax);
        if (!outcome_.first.empty()) {
            const Mismatch& first = outcome_.first[0];
            text += ", after a value of stage " + std::to_string(first_stage_ + first.stage) +
                    " differed from the reference";
        }
        sim::fail(text.c_str());
    }

    // Inputs begin with anything too.
    void idle() {
        Vkernel& top = *top_;
        top.s_axi_control_AWVALID = top.s_axi_control_WVALID = top.s_axi_control_BREADY = 0;
        top.s_axi_control_ARVALID = top.s_axi_control_RREADY = 0;
#define QNAS_IDLE(i, type) top.m_axi_gmem##i##_ARREADY = top.m_axi_gmem##i##_RVALID = 0;
        QNAS_READ_PORTS(QNAS_IDLE)
#undef QNAS_IDLE
        top.QNAS_LOGITS(AWREADY) = top.QNAS_LOGITS(WREADY) = top.QNAS_LOGITS(BVALID) = 0;
    }

    void load(int index) {
        const std::string number = std::to_string(index);
        memories_.assign(design::PORTS, std::vector<uint8_t>());
        for (int port = 0; port < design::WEIGHT_PORTS; ++port)
            fill(port, "weights_" + number + "_" + std::to_string(port) + ".bin");
        fill(design::WEIGHT_PORTS, "image_" + number + ".bin");
#define QNAS_READER(i, type) \
    reader##i##_ = std::make_unique<sim::ReadPort<type>>(timing_, i, memories_[i]);
        QNAS_READ_PORTS(QNAS_READER)
#undef QNAS_READER
        writer_ = std::make_unique<sim::WritePort>(timing_, design::PORTS, logits_);
        std::fill(logits_.begin(), logits_.end(), 0xA5);
    }

    void fill(int port, const std::string& name) {
        memories_[port].assign(BASE, 0);
        const std::vector<uint8_t> data = read_file<uint8_t>(folder_ + "/" + name);
        memories_[port].insert(memories_[port].end(), data.begin(), data.end());
    }

    // One clock: inputs, what follows from them, what is seen, and the edge.
    void clock() {
        Vkernel& top = *top_;
        if (writer_) {
#define QNAS_DRIVE(i, type)                                                                   \
    reader##i##_->drive(now_, top.m_axi_gmem##i##_ARREADY, top.m_axi_gmem##i##_RVALID,        \
                        top.m_axi_gmem##i##_RLAST, top.m_axi_gmem##i##_RDATA);
            QNAS_READ_PORTS(QNAS_DRIVE)
#undef QNAS_DRIVE
            writer_->drive(now_, top.QNAS_LOGITS(AWREADY), top.QNAS_LOGITS(WREADY),
                           top.QNAS_LOGITS(BVALID));
        }
        top.ap_clk = 0;
        top.eval();
        if (writer_) {
#define QNAS_OBSERVE(i, type)                                                       \
    reader##i##_->observe(now_, top.m_axi_gmem##i##_ARVALID, top.m_axi_gmem##i##_ARADDR, \
                          top.m_axi_gmem##i##_ARLEN);
            QNAS_READ_PORTS(QNAS_OBSERVE)
#undef QNAS_OBSERVE
            writer_->observe(now_, top.QNAS_LOGITS(AWVALID), top.QNAS_LOGITS(AWADDR),
                             top.QNAS_LOGITS(AWLEN), top.QNAS_LOGITS(WVALID),
                             top.QNAS_LOGITS(WDATA), top.QNAS_LOGITS(WLAST));
            observe();
            observe_answers();
        }
        top.ap_clk = 1;
        top.eval();
        ++now_;
    }

    void observe() {
        const Vkernel___024root& root = *top_->rootp;
        int index = 0;
#define QNAS_OBSERVE(name, width, banks, rows, write_rows)                                 \
    shadows_[index++].observe(root.QNAS_KERNEL(name##_write), root.QNAS_KERNEL(name##_to), \
                              root.QNAS_KERNEL(name##_d), design::ROW_BITS);
        QNAS_MEMORIES(QNAS_OBSERVE)
#undef QNAS_OBSERVE
        if (network_ == nullptr) return;
        const int products = root.QNAS_KERNEL(finished_index) - first_stage_;
        const int softmax = root.QNAS_KERNEL(softmax_index) - first_stage_;
        const int starts = root.QNAS_KERNEL(starts);
        constexpr int SOFTMAX = 1 << 4, STORE = 1 << 5;
        if (starts & ~STORE) begin(starts & SOFTMAX ? softmax : products);
        if (root.QNAS_KERNEL(softmax_finished)) compare(softmax);
        if (root.QNAS_KERNEL(finished)) compare(products);
        if (root.QNAS_KERNEL(pass_finished)) image_ += design::BATCH;
    }

    // A pass ends when memory has acknowledged the logits of its images.
    void observe_answers() {
        const long passes = writer_->answered / (design::BATCH * design::CLASSES);
        if (long(outcome_.pass_ends.size()) < passes) outcome_.pass_ends.push_back(now_ - start_);
    }

    void begin(int stage) {
        if (image_ == 0) outcome_.begins[stage] = now_ - start_;
        outcome_.last_begins[stage] = now_ - start_;
    }

    void compare(int index) {
        last_event_ = now_;
        if (image_ == 0) outcome_.ends[index] = now_ - start_;
        outcome_.last_ends[index] = now_ - start_;
        for (int i = 0; i < design::BATCH; ++i) compare(index, i);
    }

    // Of image number `of_pass` of the pass.
    void compare(int index, int of_pass) {
        const Stage& stage = network_->stages[index];
        const int image = image_ + of_pass;
        const int32_t* expected =
            network_->expected.data() + image * network_->values + stage.first;
        long at = 0;
        for (const Segment& segment : stage.segments) {
            const std::vector<uint32_t>& words = shadows_[segment.memory].words;
            for (const int32_t word : segment.words) {
                int32_t got = int32_t(words[word + of_pass * segment.image] >> segment.shift);
                if (segment.width < 32) {
                    got &= int32_t((1u << segment.width) - 1);
                    const bool negative = segment.is_signed && (got >> (segment.width - 1));
                    if (negative) got -= 1 << segment.width;
                }
                check(index, image, at, expected[at], got);
                ++at;
            }
        }
    }

    void check(int stage, int image, long index, int32_t expected, int32_t got) {
        ++outcome_.values;
        if (expected == got) return;
        if (outcome_.mismatches++ == 0)
            outcome_.first.push_back({stage, image, index, expected, got});
    }

    // What the port of the logits wrote: the values of the last stage once more.
    void check_logits() {
        const int last = int(network_->stages.size()) - 1;
        const Stage& stage = network_->stages[last];
        for (int image = 0; image < images_; ++image)
            for (std::size_t i = 0; i < stage.count; ++i) {
                int32_t got;
                std::memcpy(&got, logits_.data() + BASE + 4 * (image * stage.count + i), 4);
                check(last, image, long(i),
                      network_->expected[image * network_->values + stage.first + i], got);
            }
        network_ = nullptr;
    }

    void write(int address, uint32_t value) {
        Vkernel& top = *top_;
        top.s_axi_control_AWADDR = address;
        top.s_axi_control_WDATA = value;
        top.s_axi_control_WSTRB = 15;
        top.s_axi_control_AWVALID = top.s_axi_control_WVALID = 1;
        bool taken = false;
        while (!taken) {
            clock_until([&] { taken = top.s_axi_control_AWREADY && top.s_axi_control_WREADY; });
        }
        top.s_axi_control_AWVALID = top.s_axi_control_WVALID = 0;
        top.s_axi_control_BREADY = 1;
        clock();
        top.s_axi_control_BREADY = 0;
    }

    uint32_t read(int address) {
        Vkernel& top = *top_;
        top.s_axi_control_ARADDR = address;
        top.s_axi_control_ARVALID = 1;
        bool taken = false;
        while (!taken) clock_until([&] { taken = top.s_axi_control_ARREADY; });
        top.s_axi_control_ARVALID = 0;
        top.s_axi_control_RREADY = 1;
        const uint32_t value = top.s_axi_control_RDATA;
        clock();
        top.s_axi_control_RREADY = 0;
        return value;
    }

    template <class Look>
    void clock_until(Look look) {
        top_->ap_clk = 0;
        top_->eval();
        look();
        clock();
    }

    std::string folder_;
    std::map<std::string, long>& options_;
    VerilatedContext context_;
    sim::Timing timing_;
    std::unique_ptr<Vkernel> top_;
    std::vector<sim::Shadow> shadows_;
    std::vector<std::vector<uint8_t>> memories_;
    std::vector<uint8_t> logits_;
#define QNAS_READER(i, type) std::unique_ptr<sim::ReadPort<type>> reader##i##_;
    QNAS_READ_PORTS(QNAS_READER)
#undef QNAS_READER
    std::unique_ptr<sim::WritePort> writer_;
    const Network* network_ = nullptr;
    Outcome outcome_;
    int images_, first_stage_ = 0;
    int image_ = 0;  // the first one of the running pass
    long now_ = 0, start_ = 0, last_event_ = 0;
};

std::string list(const std::vector<long>& values) {
    std::ostringstream out;
    out << "[";
    for (std::size_t i = 0; i < values.size(); ++i) out << (i ? "," : "") << values[i];
    out << "]";
    return out.str();
}

void print(std::ostream& out, const Outcome& found) {
    out << "{\"values\":" << found.values << ",\"mismatches\":" << found.mismatches
        << ",\"cycles\":" << found.clocks << ",\"pass_ends\":" << list(found.pass_ends)
        << ",\"begins\":" << list(found.begins) << ",\"ends\":" << list(found.ends)
        << ",\"last_begins\":" << list(found.last_begins)
        << ",\"last_ends\":" << list(found.last_ends) << ",\"first_mismatch\":";
    if (found.first.empty()) {
        out << "null}";
        return;
    }
    const Mismatch& first = found.first[0];
    out << "{\"stage\":" << first.stage << ",\"image\":" << first.image
        << ",\"index\":" << first.index << ",\"expected\":" << first.expected
        << ",\"got\":" << first.got << "}}";
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) sim::fail("usage: bench FOLDER");
    const std::string folder = argv[1];
    std::map<std::string, long> options;
    std::ifstream file(folder + "/run.txt");
    for (std::string name; file >> name;) file >> options[name];
    Bench bench(folder, options);
    std::ofstream out(folder + "/result.json");
    out << "[";
    for (int index = 0; index < design::NETWORKS; ++index) {
        if (index) out << ",";
        print(out, bench.run(index));
    }
    out << "]\n";
    return 0;
}
