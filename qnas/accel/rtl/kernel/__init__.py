"""The whole kernel in SystemVerilog, printed from the plans that the C++ is printed from.

`sv/` holds its units, one a file. What differs from plan to plan is printed: a package of
constants, the tables of stages and networks, and the top with its ports.
"""
