"""Post-training calibration: the quantizers of a pretrained ViT, set without training.

The entry points are `calibrate.calibrate` and `sensitivity.sensitivities`.
"""

from qnas.supernet.post_training.settings import PostTraining

__all__ = ["PostTraining"]
