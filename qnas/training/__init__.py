"""Training of the supernet: `loop.train_supernet` with a `recipe.Recipe` and a batch source."""
