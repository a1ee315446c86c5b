// What the analysis found, as JSON: for each clock the sources and sinks by number, the longest path
// from one to another, and the iterations of each loop.
#ifndef QNAS_TIMING_REPORT_HPP
#define QNAS_TIMING_REPORT_HPP

#include <cstring>

#include "loops.hpp"

namespace timing {

inline void write_text(std::FILE* out, const std::string& text) {
    std::fputc('"', out);
    for (const char c : text) {
        if (c == '"' || c == '\\') std::fputc('\\', out);
        std::fputc(c, out);
    }
    std::fputc('"', out);
}

inline void report(std::FILE* out) {
    const Findings& found = findings();
    std::fprintf(out, "{\"names\": [");
    for (size_t i = 0; i < found.names.size(); ++i) {
        std::fprintf(out, "%s", i ? ", " : "");
        write_text(out, found.names[i]);
    }
    std::fprintf(out, "],\n \"iterations\": [");
    for (size_t i = 0; i < found.iterations.size(); ++i)
        std::fprintf(out, "%s%ld", i ? ", " : "", found.iterations[i]);
    std::fprintf(out, "],\n \"edges\": [");
    const char* separator = "";
    for (const auto& item : found.edges) {
        const Edge& edge = item.second;
        std::fprintf(out, "%s[%u, %u, %d, %d]", separator, unsigned(item.first >> 32),
                     unsigned(item.first & 0xFFFFFFFFu), edge.cycles, edge.line);
        separator = ", ";
    }
    std::fprintf(out, "]}\n");
}

constexpr int MOST_CALLS = 12, CALLS_WITHOUT_NEWS = 2;

// Calls the kernel until that shows no path any more that is new or longer: values are anything, and
// what they decide differs from call to call.
template <class Kernel>
void explore(const Kernel& kernel) {
    for (int call = 0, quiet = 0; call < MOST_CALLS && quiet < CALLS_WITHOUT_NEWS; ++call) {
        const long before = findings().news;
        kernel();
        quiet = findings().news == before ? quiet + 1 : 0;
    }
}

// Arguments: the numbers of Delays in their order, once for each clock.
template <class Kernel>
int run(int argc, char** argv, const Kernel& kernel) {
    constexpr int each = int(sizeof(Delays) / sizeof(int));
    std::printf("[");
    for (int first = 1; first + each <= argc; first += each) {
        int* values = reinterpret_cast<int*>(&delays());
        for (int i = 0; i < each; ++i) values[i] = std::atoi(argv[first + i]);
        Arrivals::all().clear();
        findings() = Findings();
        explore(kernel);
        std::printf("%s", first > 1 ? ",\n" : "");
        report(stdout);
    }
    std::printf("]\n");
    return 0;
}

}  // namespace timing

#endif
