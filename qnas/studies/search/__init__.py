"""The search: `loop.SearchLoop` asks `proposers` for trials and `evaluation` for their outcome."""
