"""Training the supernet."""
