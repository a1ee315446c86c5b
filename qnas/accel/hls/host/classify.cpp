// Classifies images:  build/classify INPUT... [--binary FILE] [--batch N] [--network N] [--top N] [--json]
//
// INPUT is a JPEG, PNG or PPM file, a folder of them, or - for a stream of PPM frames; --camera N takes
// OpenCV's frames. What run.py does, without Python: the same integers go into the kernel, and the same
// lines come out. Exit status 1 if a file cannot be read, 2 for what does not belong to this design.
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <numeric>

#include "image_file.hpp"
#include "kernel.hpp"

#ifdef QNAS_OPENCV
#include <opencv2/videoio.hpp>
#endif

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Options {
    std::vector<std::string> inputs;
    std::string binary, camera, project = ".", network = "0";
    int batch = 0, top = 5;
    bool json = false;
};

struct Named {
    std::string name;
    Bytes words;  // as the port takes them
};

static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Resizes, crops to the centre and packs: patches in rows, of a patch channel, row, column; every patch
// starts a word.
static Bytes words_of(const Image& given, int network) {
    const Image image = plain(given, design::CHANNELS, design::BACKGROUND);
    const double scale = double(design::SHORTER_SIDE) / std::min(image.width, image.height);
    const auto side = [&](int length) {
        return std::max(design::SHORTER_SIDE, int(std::nearbyint(length * scale)));
    };
    const Image fitted =
        scale == 1.0 ? image : resized(image, side(image.width), side(image.height), design::BICUBIC);
    const int left = (fitted.width - design::SIZE) / 2, top = (fitted.height - design::SIZE) / 2;
    const int patches = design::SIZE / design::PATCH;
    const int pixels = design::CHANNELS * design::PATCH * design::PATCH;
    const int words = (pixels + design::PIXELS_PER_WORD - 1) / design::PIXELS_PER_WORD;
    Bytes packed(design::IMAGE_BYTES, 0);
    for (int patch = 0; patch < patches * patches; ++patch)
        for (int pixel = 0; pixel < pixels; ++pixel) {
            const int c = pixel / (design::PATCH * design::PATCH);
            const int y = patch / patches * design::PATCH + pixel / design::PATCH % design::PATCH;
            const int x = patch % patches * design::PATCH + pixel % design::PATCH;
            const size_t word = size_t(patch) * words + pixel / design::PIXELS_PER_WORD;
            packed[word * design::WORD_BYTES + pixel % design::PIXELS_PER_WORD] =
                uint8_t(design::LEVELS[network][c][fitted.at(left + x, top + y)[c]]);
        }
    return packed;
}

static std::string quoted(const std::string& text) {
    std::string found = "\"";
    for (char c : text) {
        char code[8];
        std::snprintf(code, sizeof code, "\\u%04x", c);
        if (c == '"' || c == '\\') found += '\\';
        found += (unsigned char)c < 32 ? code : std::string(1, c);
    }
    return found + '"';
}

// Classes, the most likely first; the lower number of equal ones.
static std::vector<int> order_of(const int32_t* logits) {
    std::vector<int> order(design::CLASSES);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[a] > logits[b]; });
    return order;
}

static void print(const Options& options, const std::string& name, const int32_t* logits, int network) {
    const std::vector<int> order = order_of(logits);
    const double step = design::NETWORK[network].logit_step;
    double sum = 0;
    std::vector<double> scores;
    for (int i = 0; i < design::CLASSES; ++i) {
        scores.push_back(std::exp((double(logits[i]) - logits[order[0]]) * step));
        sum += scores.back();
    }
    if (options.json) {
        std::cout << "{\"image\": " << quoted(name) << ", \"class\": " << order[0]
                  << ", \"name\": " << quoted(design::CLASS_NAMES[order[0]]) << ", \"logits\": [";
        for (int i = 0; i < design::CLASSES; ++i) std::cout << (i ? ", " : "") << logits[i];
        std::cout << "], \"scores\": ";
        for (int i = 0; i < design::CLASSES && step > 0; ++i)
            std::cout << (i ? ", " : "[") << scores[i] / sum;
        std::cout << (step > 0 ? "]}" : "null}") << std::endl;
        return;
    }
    std::cout << name << ": " << design::CLASS_NAMES[order[0]] << " (";
    for (int i = 0; i < std::min(options.top, design::CLASSES); ++i) {
        char score[32];
        if (step > 0) std::snprintf(score, sizeof score, "%.1f%%", 100 * scores[order[i]] / sum);
        else std::snprintf(score, sizeof score, "%d", int(logits[order[i]]));
        std::cout << (i ? ", " : "") << design::CLASS_NAMES[order[i]] << ' ' << score;
    }
    std::cout << ")" << std::endl;
}

// Collects images, runs them in calls, prints the answers. The first image gets a call of its own.
class Runner {
   public:
    Runner(const Options& options, int network)
        : options_(options), network_(network),
          kernel_(options.project, options.binary, network, options.batch) {}

    // `decode` reads the image; its time is counted.
    void add(const std::string& name, const std::function<Image()>& decode) {
        const Clock::time_point start = Clock::now();
        try {
            waiting_.push_back({name, words_of(decode(), network_)});
        } catch (const ImageError& error) {
            flush();
            std::cerr << "classify: `" << name << "` " << error.what() << std::endl;
            failed_ = true;
            return;
        }
        read_s_ += seconds_since(start), ++read_;
        if (int(waiting_.size()) == (first_s_ < 0 ? 1 : options_.batch)) flush();
    }
    int finish() {
        flush();
        if (options_.json) return failed_;
        if (first_s_ < 0) {
            std::cout << "no image" << std::endl;
            return failed_;
        }
        std::printf("calls of the kernel%s: first image %.3f ms",
                    Kernel::SIMULATED ? " (of the C simulation: nothing about a board)" : "",
                    1e3 * first_s_);
        if (design::PASS_IMAGES > 1) std::printf(", in a pass of %d that it fills alone", design::PASS_IMAGES);
        if (others_) std::printf("; %.1f images/s in calls of up to %d", others_ / others_s_, most_);
        std::printf("; read and resized in %.3f ms an image\n", 1e3 * read_s_ / read_);
        return failed_;
    }

   private:
    void flush() {
        if (waiting_.empty()) return;
        const int count = int(waiting_.size());
        Bytes words;
        for (const Named& one : waiting_) words.insert(words.end(), one.words.begin(), one.words.end());
        std::vector<int32_t> logits(size_t(count) * design::CLASSES);
        const Clock::time_point start = Clock::now();
        kernel_.run(std::move(words), count, logits.data());
        const double seconds = seconds_since(start);
        if (first_s_ < 0) first_s_ = seconds;
        else others_ += count, others_s_ += seconds, most_ = std::max(most_, count);
        for (int i = 0; i < count; ++i)
            print(options_, waiting_[i].name, &logits[size_t(i) * design::CLASSES], network_);
        waiting_.clear();
    }

    const Options& options_;
    const int network_;
    Kernel kernel_;
    std::vector<Named> waiting_;
    double first_s_ = -1, others_s_ = 0, read_s_ = 0;
    int others_ = 0, most_ = 0, read_ = 0;
    bool failed_ = false;
};

static std::vector<std::string> files_in(const std::string& path) {
    if (!fs::is_directory(path)) return {path};
    std::vector<std::string> found;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
        std::string ending = entry.path().extension().string();
        std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
        for (const char* known : {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".ppm", ".pgm"})
            if (ending == known) found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
}

static void stream(std::istream& in, Runner& runner) {
    Image frame(1, 1, 1);
    for (int index = 0; next_frame(in, frame); ++index)
        runner.add("frame " + std::to_string(index), [&] { return frame; });
}

static void camera(const std::string& source, Runner& runner) {
#ifdef QNAS_OPENCV
    const bool number = source.find_first_not_of("0123456789") == std::string::npos;
    cv::VideoCapture taken = number ? cv::VideoCapture(std::stoi(source)) : cv::VideoCapture(source);
    if (!taken.isOpened()) throw std::runtime_error("`--camera` must be a camera or a film; got " + source);
    cv::Mat pixels;
    for (int index = 0; taken.read(pixels); ++index) {
        Image frame(pixels.cols, pixels.rows, 3);
        for (int y = 0; y < frame.height; ++y)
            for (int x = 0; x < frame.width; ++x)
                for (int c = 0; c < 3; ++c) frame.at(x, y)[c] = pixels.at<cv::Vec3b>(y, x)[2 - c];
        runner.add("frame " + std::to_string(index), [&] { return frame; });
    }
#else
    throw std::runtime_error(
        "`--camera` must have OpenCV when the program is built (apt install libopencv-dev); got " + source +
        ". Or pipe frames: ffmpeg -f v4l2 -i /dev/video0 -f image2pipe -c:v ppm - | build/classify -");
#endif
}

static Options options_of(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto value = [&]() -> std::string {
            if (i + 1 == argc) throw std::runtime_error("`" + word + "` must have a value; got none.");
            return argv[++i];
        };
        if (word == "--json") options.json = true;
        else if (word == "--binary") options.binary = value();
        else if (word == "--camera") options.camera = value();
        else if (word == "--project") options.project = value();
        else if (word == "--network") options.network = value();
        else if (word == "--batch") options.batch = std::stoi(value());
        else if (word == "--top") options.top = std::stoi(value());
        else if (word.size() > 1 && word[0] == '-')
            throw std::runtime_error("`" + word + "` must be --binary, --batch, --camera, --json, --network, "
                                     "--project or --top.");
        else options.inputs.push_back(word);
    }
    const bool streams = !options.camera.empty() ||
                         std::count(options.inputs.begin(), options.inputs.end(), "-") > 0;
    const int whole = (63 / design::PASS_IMAGES + 1) * design::PASS_IMAGES;  // 64 or a little more
    if (options.batch == 0) options.batch = streams ? 1 : whole;
    if (options.batch < 1 || options.top < 1)
        throw std::runtime_error("`--batch` and `--top` must be at least 1; got less.");
    if (options.inputs.empty() && options.camera.empty())
        throw std::runtime_error("an input must be given; got none. Name files, a folder, - or --camera.");
    if (!design::READS_FILES)
        throw std::runtime_error("this network was not trained on pixels that a file holds: "
                                 "give host/run.py an .npy file.");
    if (*Kernel::NEEDS && options.binary.empty())
        throw std::runtime_error(std::string("`--binary` must be ") + Kernel::NEEDS + "; got nothing.");
    return options;
}

static int network_of(const std::string& which) {
    for (int i = 0; i < design::NETWORKS; ++i)
        if (which == std::to_string(i) || which == design::NETWORK[i].label) return i;
    throw std::runtime_error("`--network` must be an index or a label of design.json; got " + which + ".");
}

int main(int argc, char** argv) {
    try {
        const Options options = options_of(argc, argv);
        Runner runner(options, network_of(options.network));
        if (!options.camera.empty()) camera(options.camera, runner);
        for (const std::string& input : options.inputs) {
            if (input == "-") stream(std::cin, runner);
            else
                for (const std::string& path : files_in(input))
                    runner.add(path, [&] { return read_image(path); });
        }
        return runner.finish();
    } catch (const std::exception& error) {
        std::cerr << "classify: " << error.what() << std::endl;
        return 2;
    }
}
