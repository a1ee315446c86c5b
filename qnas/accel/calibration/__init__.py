"""Calibration: corrections of estimates, learned from measured designs, with 90 % intervals.

One type, `calibration.Calibration`, for kernels, blocks and pairs of reports; one file, `file`.
Entry points: `predictor.shipped_calibration` for the table that comes with qnas,
`projects.read_projects` for a user's own reports, `pairs.read_pairs` for a CSV of many designs,
`blocks.fit_blocks` for RTL blocks, `active.choose` for what to measure.
"""
