// Images of bytes: grey or RGB, upright, on a background, resized; each step gives Pillow's integers.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

struct Image {
    int width, height, channels;  // 1 grey, 2 with alpha, 3 RGB, 4 with alpha
    std::vector<uint8_t> bytes;   // rows, pixels, channels

    Image(int w, int h, int c) : width(w), height(h), channels(c), bytes(size_t(w) * h * c) {}
    uint8_t* at(int x, int y) { return &bytes[(size_t(y) * width + x) * channels]; }
    const uint8_t* at(int x, int y) const { return &bytes[(size_t(y) * width + x) * channels]; }
};

struct ImageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The bounds of image_reading.py, before anything is decoded.
inline void check_size(int64_t width, int64_t height) {
    const int64_t shorter = std::min(width, height), longer = std::max(width, height);
    if (shorter < 1 || width * height > 89478485)
        throw ImageError("must have at most 89,478,485 pixels");
    if (longer > 100 * shorter) throw ImageError("must be at most 100 times as long as wide");
}

// Turns an image as EXIF's orientation 2 to 8 says that it lies; others leave it.
inline Image upright(const Image& given, int orientation) {
    if (orientation < 2 || orientation > 8) return given;
    const bool swapped = orientation >= 5;
    const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    Image turned(swapped ? given.height : given.width, swapped ? given.width : given.height,
                 given.channels);
    for (int y = 0; y < turned.height; ++y)
        for (int x = 0; x < turned.width; ++x) {
            const int across = swapped ? y : x, down = swapped ? x : y;
            const int column = from_right ? given.width - 1 - across : across;
            const int row = from_below ? given.height - 1 - down : down;
            std::copy_n(given.at(column, row), given.channels, turned.at(x, y));
        }
    return turned;
}

// Grey to RGB, alpha onto a grey background.
inline Image as_rgb(const Image& given, int background) {
    Image rgb(given.width, given.height, 3);
    const bool alpha = given.channels % 2 == 0, colour = given.channels >= 3;
    uint8_t least_alpha = 255;
    bool uniform = true;
    for (int y = 0; y < given.height; ++y)
        for (int x = 0; x < given.width; ++x)
            for (int c = 0; c < 3; ++c) {
                const uint8_t* pixel = given.at(x, y);
                int value = pixel[colour ? c : 0];
                if (alpha) {
                    const int opaque = pixel[given.channels - 1];
                    const int sum = (value * opaque + background * (255 - opaque) + 128) * 128;
                    value = opaque == 0 ? background : ((sum + (sum >> 8)) >> 8) >> 7;
                    least_alpha = std::min(least_alpha, uint8_t(opaque));
                }
                rgb.at(x, y)[c] = uint8_t(value);
                uniform = uniform && value == rgb.bytes[c];
            }
    if (alpha && least_alpha < 255 && uniform)
        throw ImageError("must show something on a background of " + std::to_string(background));
    return rgb;
}

// ITU-R 601 in 16 bits.
inline Image as_grey(const Image& rgb) {
    Image grey(rgb.width, rgb.height, 1);
    for (size_t i = 0; i < grey.bytes.size(); ++i) {
        const uint8_t* pixel = &rgb.bytes[3 * i];
        grey.bytes[i] = uint8_t((19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + 32768) >> 16);
    }
    return grey;
}

// What a file becomes in front of the resizing.
inline Image plain(const Image& given, int channels, int background) {
    if (given.channels == channels) return given;
    const Image rgb = as_rgb(given, background);
    return channels == 3 ? rgb : as_grey(rgb);
}

// The filters, in pixels of the smaller of the two grids: a triangle, and cubic convolution of a = -0.5
// (R. Keys, IEEE Trans. ASSP 29(6), 1981).
struct Filter {
    bool cubic;
    double reach() const { return cubic ? 2.0 : 1.0; }
    double operator()(double x) const {
        x = std::fabs(x);
        if (!cubic) return x < 1.0 ? 1.0 - x : 0.0;
        const double a = -0.5;
        if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
        return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
    }
};

// Weights of the pixels that make one pixel of a resized row, in 2**-22.
struct Window {
    int first;
    std::vector<int> weights;
};

constexpr int FRACTION = 22;

inline std::vector<Window> windows(int before, int after, const Filter& filter) {
    std::vector<Window> found(after);
    const double scale = double(before) / after, spread = std::max(scale, 1.0);
    const double reach = filter.reach() * spread;
    for (int i = 0; i < after; ++i) {
        const double centre = (i + 0.5) * scale;
        const int first = std::max(0, int(centre - reach + 0.5));
        const int last = std::min(before, int(centre + reach + 0.5));
        std::vector<double> shares(last - first);
        double sum = 0.0;
        for (int x = 0; x < last - first; ++x)
            sum += shares[x] = filter((x + first - centre + 0.5) * (1.0 / spread));
        found[i].first = first;
        for (double share : shares) {
            const double units = (sum != 0.0 ? share / sum : share) * (1 << FRACTION);
            found[i].weights.push_back(int(units < 0 ? units - 0.5 : units + 0.5));
        }
    }
    return found;
}

// One row or column: `step` bytes from pixel to pixel.
inline uint8_t weighted(const uint8_t* pixels, size_t step, const Window& window) {
    int sum = 1 << (FRACTION - 1);
    for (size_t i = 0; i < window.weights.size(); ++i)
        sum += pixels[(window.first + i) * step] * window.weights[i];
    return uint8_t(std::min(255, std::max(0, sum >> FRACTION)));
}

// Rows first, then columns, with bytes between; a side of the right length is left alone.
inline Image resized(const Image& given, int width, int height, bool cubic) {
    const Filter filter{cubic};
    Image wide(width, given.height, given.channels);
    const auto across = windows(given.width, width, filter), down = windows(given.height, height, filter);
    if (width == given.width) wide = given;
    else
        for (int y = 0; y < wide.height; ++y)
            for (int x = 0; x < width; ++x)
                for (int c = 0; c < wide.channels; ++c)
                    wide.at(x, y)[c] = weighted(given.at(0, y) + c, wide.channels, across[x]);
    if (height == given.height) return wide;
    Image done(width, height, given.channels);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < done.channels; ++c)
                done.at(x, y)[c] = weighted(wide.at(x, 0) + c, size_t(width) * wide.channels, down[y]);
    return done;
}
