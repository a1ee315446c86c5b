"""The supernet: shared float weights, sliced and fake-quantized for an architecture.

The entry point is `model.Supernet`; `storage` saves and loads it.
"""
