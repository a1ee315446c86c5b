"""The folding search: the fastest folding and buffer placement that fit a device.

Entry points: `search.best_plan` for one network, `search.best_kernel` for several in one kernel.
"""
