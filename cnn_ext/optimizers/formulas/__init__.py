"""The optimizers: each file is the formula of a step, its slots and its arguments."""
