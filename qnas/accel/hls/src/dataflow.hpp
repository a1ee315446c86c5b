// How the processes of a DATAFLOW region are simulated. In synthesis, and in vendor simulation
// (sequential, with unbounded streams), QNAS_PROCESS is the bare call. With the stand-in stream the
// processes run side by side on streams of the depth that the STREAM pragma names, as the hardware
// does: a FIFO that is too small deadlocks here too, and is reported.
#pragma once
#include <hls_stream.h>

#ifdef QNAS_BOUNDED_STREAMS
#define QNAS_DEPTH(stream, depth) (stream).set_depth(depth)
#define QNAS_PROCESS(...) \
    hls::sim::Scheduler::instance().spawn(#__VA_ARGS__, [&] { __VA_ARGS__; })
#define QNAS_JOIN() hls::sim::Scheduler::instance().run()
#else
#define QNAS_DEPTH(stream, depth)
#define QNAS_PROCESS(...) __VA_ARGS__
#define QNAS_JOIN()
#endif
