"""Calibration: what tools built, learned as a correction of what was estimated."""
