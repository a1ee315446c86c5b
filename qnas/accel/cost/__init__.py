"""The analytic cost model: cycles, resources and energy of a hardware plan.

Entry points: `analytic.estimate` for plans, `analytic.price` for many foldings at once,
`energy.energy`, and `prediction.Prediction` for the amounts that a study reads.
"""
