"""Objectives of a study: `base` defines them, `registry` finds them by name."""
