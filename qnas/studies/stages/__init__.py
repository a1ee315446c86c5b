"""Stages of a run: `pipeline` has one function per stage, from `train` to `report`."""
