"""Tools to test layers, losses and operations of one's own."""

from cnn_ext.testing.gradients import GradientCheckError, check_gradients

__all__ = ["GradientCheckError", "check_gradients"]
