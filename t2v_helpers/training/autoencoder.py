"""The first stage: an autoencoder of single frames, judged by what its reconstructions show."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from .. import shapes
from ..models import cpu_autocast
from . import scale_model
from .loop import first_weights, fit, rng, share
from .scale_model import to_model
from .worlds import see


class AutoencoderLoss(nn.Module):
    """The autoencoder's objective: absolute and squared error, a small KL to N(0, I) (Rombach et al. 2022), an anchor.

    The anchor ties three of the latent channels to the mean colour of their 8 x 8 pixels. Without it a small
    autoencoder laid the colours on one line of its latent space, yellow nearer to purple than to itself in another
    place, and the UNet mixed them within a clip.
    """

    def __init__(self, autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, images: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
        """The loss of images (b, 3, H, W) in [-1, 1]; eps (b, c, H / 8, W / 8) draws from the posterior."""
        with cpu_autocast(images.device):
            latents = self.autoencoder.encode(images).latent_dist
            error = self.autoencoder.decode(latents.mean + latents.std * eps).sample.float() - images
            kl = (latents.mean.square() + latents.var - 1 - latents.logvar).float().mean() / 2
            anchor = latents.mean[:, :3].float() - 2 * F.avg_pool2d(images, 8) - 1
        return error.abs().mean() + error.square().mean() + 1e-3 * kl + 0.3 * anchor.square().mean()


def train_autoencoder(accelerator, stage, folder, world, watch=None, latent_channels: int = scale_model.LATENT[0]):
    """Train on single frames of every kind: it has to draw what it is told, not to know any caption.

    Args:
        accelerator: An accelerate.Accelerator.
        stage: Steps, batch (in frames) and rate.
        folder: For checkpoints and metrics.
        world: From worlds.py.
        watch: See `loop.fit`.
        latent_channels: Numbers for each 8 x 8 pixels.

    Returns:
        An AutoencoderKL whose scaling_factor brings the latents to a deviation of 1.
    """
    device = accelerator.device
    with first_weights(stage, "autoencoder"):
        vae = scale_model.new_autoencoder(world.size, latent_channels)
    model, pool = AutoencoderLoss(vae).to(device), world.pool().to(device)
    average = copy.deepcopy(model).requires_grad_(False)

    def draw(step):
        generator = rng(stage.seed, step, "autoencoder", device=device)
        some = {"size": (stage.batch,), "generator": generator, "device": device}
        which, frame = torch.randint(len(pool), **some), torch.randint(world.num_frames, **some)
        side = world.size // 8
        eps = torch.randn(stage.batch, latent_channels, side, side, generator=generator, device=device)
        mine = share(accelerator, stage.batch)
        return pool.paint(which[mine], frame[mine])[:, :, 0], eps[mine]

    def measure(step):
        return {"adherence": reconstruction_adherence(average.autoencoder, world, min(54, 3 * len(world.kinds)))}

    fit(accelerator, model, draw, stage, folder, ema=average, measure=measure, watch=watch)
    vae = average.autoencoder
    with torch.no_grad():
        some = torch.arange(0, len(pool), max(1, len(pool) // 64), device=device)
        deviation = torch.cat([vae.encode(c.movedim(1, 0)).latent_dist.mean for c in pool.paint(some)]).std().item()
    vae.register_to_config(scaling_factor=1 / deviation)
    return vae.eval()


@torch.no_grad()
def reconstruction_adherence(vae, world, clips: int, seed: int = 10**6) -> float:
    """Share of rendered clips in which the judge reads the same once the autoencoder has coded and decoded them.

    Args:
        vae: An AutoencoderKL.
        world: From worlds.py.
        clips: How many to look at, evenly from all kinds.
        seed: Of the rendering.

    Returns:
        A share in [0, 1].
    """
    kinds, films = [world.kinds[i * len(world.kinds) // clips] for i in range(clips)], []
    for i in range(clips):
        clip = world.clip(i * len(world.kinds) // clips, rng(seed, i))
        images = to_model(clip).movedim(1, 0).to(vae.device)
        decoded = vae.decode(vae.encode(images).latent_dist.mean).sample.float().cpu()
        films.append((decoded / 2 + 0.5).clamp(0, 1).movedim(1, -1).numpy())
    return sum(shapes.compare(*pair).right for pair in zip(kinds, see(films), strict=True)) / clips
