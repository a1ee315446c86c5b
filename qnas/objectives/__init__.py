"""Objectives: the values that a search minimises or maximises.

Entry points: `registry` finds an objective by its name, `base.Objective` is the protocol of a
user's own, `accuracy` and `hardware` hold the objectives that come with qnas.
"""
