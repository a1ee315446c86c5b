"""C simulation of an emitted project, compared with the integer reference.

Entry points: `verify.verify_project`, and `toolchain.Toolchain` to choose the compiler.
"""
