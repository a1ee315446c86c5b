"""Static analysis of the emitted C++: initiation interval and depth of every pipelined loop.

Entry points: `timing.analyse` for a project's plan, `timing.analyse_sources` for C++ sources.
"""
