"""A tiny random pipeline of each class in the table of models, with the model's own compression and rules.

Weights are random, a few ten thousand; the text encoders are T5s over a word-level tokenizer.
"""

import diffusers
import torch
import transformers

WORDS = "a red circle moving left blue square growing panda dog on the beach".split()


def t5_tokenizer(limit=64):
    """A fast tokenizer that knows WORDS, and ends a text as T5's does."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocab = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=limit, **marks)


def pipeline(name):
    """A pipeline of MODELS[name]'s class, the same one each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {"wan": _wan, "cogvideox": _cogvideox, "ltx": _ltx}[name]()


def _t5(kind):
    widths = dict(d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, initializer_factor=1.0)
    config = getattr(transformers, f"{kind}Config")(vocab_size=3 + len(WORDS), **widths)
    return getattr(transformers, f"{kind}EncoderModel")(config).eval()


def _wan():
    vae = diffusers.AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1)
    net = diffusers.WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, text_dim=32, ffn_dim=32, num_layers=2, rope_max_seq_len=32
    )
    flow = dict(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    scheduler = diffusers.UniPCMultistepScheduler(num_train_timesteps=1000, **flow)
    return diffusers.WanPipeline(t5_tokenizer(), _t5("UMT5"), vae.eval(), scheduler, net.eval())


def _cogvideox():
    kinds = dict(
        down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4, layers_per_block=1
    )
    vae = diffusers.AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8), latent_channels=4, norm_num_groups=2, **kinds
    )
    widths = dict(num_attention_heads=4, attention_head_dim=8, in_channels=4, out_channels=4, time_embed_dim=2)
    net = diffusers.CogVideoXTransformer3DModel(
        text_embed_dim=32, num_layers=1, sample_width=4, sample_height=4, sample_frames=9, **widths
    )
    return diffusers.CogVideoXPipeline(
        t5_tokenizer(), _t5("T5"), vae.eval(), net.eval(), diffusers.CogVideoXDDIMScheduler()
    )


def _ltx():
    layers = dict(layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 5)
    vae = diffusers.AutoencoderKLLTXVideo(
        latent_channels=8, block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4, **layers
    )
    net = diffusers.LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, num_attention_heads=4, attention_head_dim=8, cross_attention_dim=32,
        num_layers=1, caption_channels=32,
    )  # fmt: skip
    return diffusers.LTXPipeline(
        diffusers.FlowMatchEulerDiscreteScheduler(), vae.eval(), _t5("T5"), t5_tokenizer(), net.eval()
    )
