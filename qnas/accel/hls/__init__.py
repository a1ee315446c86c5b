"""The HLS C++ back end: emitted projects, the static analysis of their C++, and vendor synthesis.

Entry points: `emit.project.emit_project`, `lint.check_sources` and `analysis.timing.analyse`.
"""
