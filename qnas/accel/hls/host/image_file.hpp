// Reads JPEG (libjpeg-turbo), PNG (libpng) and binary PPM or PGM files, upright. The Makefile defines
// QNAS_JPEG and QNAS_PNG where pkg-config finds the libraries.
#pragma once
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "design.hpp"
#include "image.hpp"

#ifdef QNAS_JPEG
#include <jpeglib.h>
#include <jerror.h>
#endif
#ifdef QNAS_PNG
#include <png.h>
#endif

using Bytes = std::vector<uint8_t>;

constexpr int ORIENTATION = 0x112;  // EXIF's tag

// Orientation in a block of EXIF data; 0 if there is none.
inline int orientation_of(const uint8_t* data, size_t size) {
    const auto number = [&](size_t at, int bytes) -> uint32_t {
        uint32_t value = 0;
        const bool little = data[0] == 'I';
        if (at > size || size - at < size_t(bytes)) return 0;
        for (int b = 0; b < bytes; ++b) value = value << 8 | data[at + (little ? bytes - 1 - b : b)];
        return value;
    };
    if (size < 8 || (std::memcmp(data, "II", 2) && std::memcmp(data, "MM", 2))) return 0;
    const size_t table = number(4, 4);
    const uint32_t entries = number(table, 2);
    for (uint32_t i = 0; i < entries; ++i) {
        const size_t entry = table + 2 + 12 * i;
        if (number(entry, 2) == ORIENTATION)
            return int(number(entry + 8, number(entry + 2, 2) == 4 ? 4 : 2));
    }
    return 0;
}

#ifdef QNAS_JPEG
// libjpeg's errors leave its functions by a jump; no object with a destructor may begin in between.
class JpegFile {
   public:
    explicit JpegFile(const Bytes& file) : file_(file) {
        info_.err = jpeg_std_error(&errors_);
        errors_.error_exit = [](j_common_ptr info) { leave(info); };
        errors_.emit_message = [](j_common_ptr info, int level) {
            if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) leave(info);
        };
        info_.client_data = this;
        jpeg_create_decompress(&info_);
    }
    ~JpegFile() { jpeg_destroy_decompress(&info_); }
    JpegFile(const JpegFile&) = delete;

    Image read() {
        check(start());
        check_size(info_.output_width, info_.output_height);
        const int turned = orientation();  // the markers go with the last row
        Image image(int(info_.output_width), int(info_.output_height), info_.output_components);
        check(rows(image));
        return upright(image, turned);
    }

   private:
    static void leave(j_common_ptr info) {
        JpegFile* self = static_cast<JpegFile*>(info->client_data);
        info->err->format_message(info, self->message_);
        std::longjmp(self->jump_, 1);
    }
    void check(bool done) const {
        if (!done) throw ImageError(std::string("must be a whole JPEG file: ") + message_);
    }
    bool start() {
        if (setjmp(jump_)) return false;
        jpeg_mem_src(&info_, const_cast<uint8_t*>(file_.data()), file_.size());
        jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
        jpeg_read_header(&info_, TRUE);
        if (info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK) {
            std::snprintf(message_, sizeof message_, "CMYK is not read here; save it as RGB");
            return false;
        }
        const bool grey = info_.jpeg_color_space == JCS_GRAYSCALE;
        info_.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
        jpeg_calc_output_dimensions(&info_);
        return true;
    }
    bool rows(Image& image) {
        if (setjmp(jump_)) return false;
        jpeg_start_decompress(&info_);
        while (info_.output_scanline < info_.output_height) {
            JSAMPROW row = image.at(0, int(info_.output_scanline));
            jpeg_read_scanlines(&info_, &row, 1);
        }
        jpeg_finish_decompress(&info_);
        return true;
    }
    // As Pillow's: EXIF says it, else XMP.
    int orientation() const {
        int found = 0;
        for (jpeg_saved_marker_ptr one = info_.marker_list; one; one = one->next) {
            const std::string text(reinterpret_cast<const char*>(one->data), one->data_length);
            const size_t at = text.find("tiff:Orientation");
            if (!text.compare(0, 6, std::string("Exif\0\0", 6)) && one->data_length > 6) {
                const int said = orientation_of(one->data + 6, one->data_length - 6);
                if (said) return said;
            } else if (at != std::string::npos) {
                const size_t digit = text.find_first_of("0123456789", at);
                if (digit != std::string::npos) found = text[digit] - '0';
            }
        }
        return found;
    }

    const Bytes& file_;
    jpeg_decompress_struct info_;
    jpeg_error_mgr errors_;
    std::jmp_buf jump_;
    char message_[JMSG_LENGTH_MAX] = "";
};
#endif

#ifdef QNAS_PNG
class PngFile {
   public:
    explicit PngFile(const Bytes& file) : file_(file) {
        png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, leave, [](png_structp, png_const_charp) {});
        info_ = png_create_info_struct(png_);
    }
    ~PngFile() { png_destroy_read_struct(&png_, &info_, nullptr); }
    PngFile(const PngFile&) = delete;

    Image read() {
        check(start());
        const int width = int(png_get_image_width(png_, info_));
        const int height = int(png_get_image_height(png_, info_));
        check_size(width, height);
        const int channels = png_get_channels(png_, info_);
        Image image(width, height, channels * (deep_ ? 2 : 1));
        std::vector<png_bytep> rows;
        for (int y = 0; y < height; ++y) rows.push_back(image.at(0, y));
        check(pixels(rows.data()));
        return upright(deep_ ? scaled(image) : image, orientation_);
    }

   private:
    static void leave(png_structp png, png_const_charp message) {
        PngFile* self = static_cast<PngFile*>(png_get_error_ptr(png));
        std::snprintf(self->message_, sizeof self->message_, "%s", message);
        std::longjmp(png_jmpbuf(png), 1);
    }
    static void next(png_structp png, png_bytep target, size_t size) {
        PngFile* self = static_cast<PngFile*>(png_get_io_ptr(png));
        if (size > self->file_.size() - self->at_) png_error(png, "the file ends early");
        std::memcpy(target, self->file_.data() + self->at_, size);
        self->at_ += size;
    }
    void check(bool done) const {
        if (!done) throw ImageError(std::string("must be a whole PNG file: ") + message_);
    }
    bool start() {
        if (setjmp(png_jmpbuf(png_))) return false;
        png_set_read_fn(png_, this, next);
        png_read_info(png_, info_);
        const int depth = png_get_bit_depth(png_, info_), kind = png_get_color_type(png_, info_);
        const bool keyed = png_get_valid(png_, info_, PNG_INFO_tRNS);
        if (depth == 16 && keyed) png_error(png_, "16 bits with a transparent value");
        if (depth == 16 && kind != PNG_COLOR_TYPE_GRAY && design::WHITE > 0)
            png_error(png_, "16-bit colour where `white` scales pixels");
        deep_ = depth == 16 && kind == PNG_COLOR_TYPE_GRAY;
        if (depth == 16 && !deep_) png_set_strip_16(png_);
        if (kind == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
        if (kind == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png_);
        if (keyed) png_set_tRNS_to_alpha(png_);
        png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        return true;
    }
    bool pixels(png_bytepp rows) {
        if (setjmp(png_jmpbuf(png_))) return false;
        png_read_image(png_, rows);
        png_read_end(png_, info_);
#ifdef PNG_eXIf_SUPPORTED
        png_uint_32 size = 0;
        png_bytep exif = nullptr;
        if (png_get_eXIf_1(png_, info_, &size, &exif)) orientation_ = orientation_of(exif, size);
#endif
        return true;
    }
    // Grey pixels of 16 bits, the high byte first, to bytes: 255 is the white of the training.
    static Image scaled(const Image& pairs) {
        Image grey(pairs.width, pairs.height, 1);
        const double white = design::WHITE > 0 ? design::WHITE : 65535.0;
        const float factor = float(255.0 / white);
        for (size_t i = 0; i < grey.bytes.size(); ++i) {
            const int value = pairs.bytes[2 * i] << 8 | pairs.bytes[2 * i + 1];
            if (value > white) throw ImageError("must have pixels of at most " + std::to_string(white));
            grey.bytes[i] = uint8_t(std::nearbyint(float(value) * factor));
        }
        return grey;
    }

    const Bytes& file_;
    size_t at_ = 0;
    png_structp png_;
    png_infop info_;
    bool deep_ = false;
    int orientation_ = 0;
    char message_[128] = "";
};
#endif

inline int header_number(std::istream& in) {
    while (in && (std::isspace(in.peek()) || in.peek() == '#'))
        if (in.get() == '#') in.ignore(1 << 16, '\n');
    int value = 0;
    if (!(in >> value)) throw ImageError("must have a PPM's header of three numbers");
    return value;
}

// The next binary PGM or PPM of a stream; false at its end.
inline bool next_frame(std::istream& in, Image& frame) {
    char magic[2];
    if (!in.read(magic, 2)) return false;
    if (magic[0] != 'P' || (magic[1] != '5' && magic[1] != '6'))
        throw ImageError("must be a PGM or a PPM (P5, P6)");
    const int width = header_number(in), height = header_number(in), white = header_number(in);
    in.get();
    if (white != 255) throw ImageError("must have 8 bits, 255 for white");
    check_size(width, height);
    frame = Image(width, height, magic[1] == '5' ? 1 : 3);
    if (!in.read(reinterpret_cast<char*>(frame.bytes.data()), std::streamsize(frame.bytes.size())))
        throw ImageError("must end with a whole frame");
    return true;
}

inline Image read_image(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw ImageError("must be a readable file");
    const Bytes file((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const auto starts = [&](const char* with, size_t size) {
        return file.size() >= size && !std::memcmp(file.data(), with, size);
    };
#ifdef QNAS_JPEG
    if (starts("\xff\xd8\xff", 3)) return JpegFile(file).read();
#endif
#ifdef QNAS_PNG
    if (starts("\x89PNG\r\n\x1a\n", 8)) return PngFile(file).read();
#endif
    if (!starts("P5", 2) && !starts("P6", 2))
        throw ImageError("must be of a kind that this program was built to read: PPM"
#ifdef QNAS_JPEG
                         ", JPEG"
#endif
#ifdef QNAS_PNG
                         ", PNG"
#endif
        );
    in.clear();
    in.seekg(0);
    Image frame(1, 1, 1);
    next_frame(in, frame);
    return frame;
}
