"""Calibration: corrections of estimates, learned from measured designs, with 90 % intervals.

Entry points: `designs.read_designs` and `file.fit` for a user's own reports, `regressor.fit_pairs`
for a CSV of many designs, `blocks.fit_blocks` for RTL blocks, `active.propose` for what to measure.
"""
