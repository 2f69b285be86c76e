"""From captions to weights: the scale model, its world and its stages."""
