"""Hardware of an architecture: devices, plans, cost, generated projects and their verification.

Entry points: `device.load_device`, `plan.lower.lower`, `folding_search.search.best_plan`,
`cost.analytic.estimate`, `hls.emit.project.emit_project` and `csim.verify.verify_project`.
"""
