"""The hardware plan: the intermediate representation between a network and its hardware (PLAN.md).

Entry points: `lower.lower` makes a `plan.HardwarePlan`, `check.check_plan` verifies one, and
`weight_stream.weight_files` packs the parameters as the hardware reads them.
"""
