"""What notebook 05 compares after equal training: data, a GAN's samples, diffusion's, as `make tuning` stored them."""

import numpy as np
import torch

from t2v_helpers import ASSETS
from t2v_helpers.figures import clouds


def gan_against_diffusion() -> None:
    """Draw the ring above the spiral: data, the GAN, diffusion."""
    with np.load(ASSETS / "lessons" / "gan_against_diffusion.npz") as stored:
        clouds({title: torch.from_numpy(stored[title]).float() for title in stored.files}, reach=1.4)
