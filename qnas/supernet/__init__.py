"""The supernet: shared float weights, sliced and fake-quantized as an architecture says."""
