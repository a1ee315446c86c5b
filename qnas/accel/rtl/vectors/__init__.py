"""Stimuli of every kind of block, with the answers of the integer reference (`qnas.numerics`)."""
