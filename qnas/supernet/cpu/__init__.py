"""Compiled passes that train a supernet faster on a CPU: `fused` has the operations."""
