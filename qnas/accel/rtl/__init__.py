"""The RTL twin: the accelerator's building blocks in SystemVerilog, with the plan's parameters.

No tool here turns the C++ into logic. The twin is what can be simulated and synthesized in its
place: the same arithmetic, tiling, lanes and schedule, checked against `qnas.numerics` bit for bit
and counted by Yosys. Figures are of synthesis alone: no place and route, no timing.
"""
