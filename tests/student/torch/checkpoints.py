"""Tiny random checkpoints, as they lie in repositories of a hub: config, preprocessing, weights."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SIDE = 32
WIDTH = 32
_SHAPE = {
    "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "image_size": SIDE, "patch_size": 8,
}  # fmt: skip
_TEXT = {
    "vocab_size": 100, "hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 64, "projection_size": WIDTH, "bos_token_id": 0, "eos_token_id": 1,
    "pad_token_id": 1,
}  # fmt: skip
_STAGES = {"hidden_sizes": [8, 16, 24, WIDTH], "depths": [1, 1, 1, 1]}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREPROCESSING = {
    "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN,
    "image_std": STD, "size": {"height": SIDE, "width": SIDE},
}  # fmt: skip


def _vit(package: Any) -> Any:
    return package.ViTForImageClassification(package.ViTConfig(**_SHAPE, num_labels=3))


def _siglip(package: Any) -> Any:
    config = package.SiglipConfig(text_config=_TEXT, vision_config=_SHAPE)
    return package.SiglipModel(config)


def _clip(package: Any) -> Any:
    config = package.CLIPConfig(text_config=_TEXT, vision_config=_SHAPE, projection_dim=WIDTH)
    return package.CLIPModel(config)


_WINDOWS = {
    "image_size": SIDE, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2],
    "window_size": 4,
}  # fmt: skip


TRANSFORMERS: Mapping[str, Callable[[Any], Any]] = {
    "vit": _vit,
    "siglip": _siglip,
    "siglip_vision_model": lambda p: p.SiglipVisionModel(p.SiglipVisionConfig(**_SHAPE)),
    "clip": _clip,
    "deit": lambda p: p.DeiTModel(p.DeiTConfig(**_SHAPE), add_pooling_layer=False),
    "dinov2": lambda p: p.Dinov2Model(p.Dinov2Config(**_SHAPE)),
    "dinov2_with_registers": lambda p: p.Dinov2WithRegistersModel(
        p.Dinov2WithRegistersConfig(**_SHAPE)
    ),
    "dinov3_vit": lambda p: p.DINOv3ViTModel(p.DINOv3ViTConfig(**_SHAPE)),
    "dinov3_convnext": lambda p: p.DINOv3ConvNextModel(
        p.DINOv3ConvNextConfig(image_size=SIDE, **_STAGES)
    ),
    "convnext": lambda p: p.ConvNextModel(p.ConvNextConfig(image_size=SIDE, **_STAGES)),
    "convnextv2": lambda p: p.ConvNextV2Model(p.ConvNextV2Config(image_size=SIDE, **_STAGES)),
    "resnet": lambda p: p.ResNetModel(
        p.ResNetConfig(embedding_size=8, layer_type="basic", **_STAGES)
    ),
    "regnet": lambda p: p.RegNetModel(
        p.RegNetConfig(embedding_size=8, groups_width=8, **_STAGES)
    ),
    "beit": lambda p: p.BeitModel(p.BeitConfig(**_SHAPE, use_mean_pooling=True)),
    "ijepa": lambda p: p.IJepaModel(p.IJepaConfig(**_SHAPE), add_pooling_layer=False),
    "swin": lambda p: p.SwinModel(p.SwinConfig(**_WINDOWS)),
    "swinv2": lambda p: p.Swinv2Model(p.Swinv2Config(**_WINDOWS)),
    "vit_msn": lambda p: p.ViTMSNModel(p.ViTMSNConfig(**_SHAPE)),
    "efficientnet": lambda p: p.EfficientNetModel(
        p.EfficientNetConfig(image_size=SIDE, width_coefficient=0.25, depth_coefficient=0.3,
                             hidden_dim=320)
    ),
    "mobilenet_v2": lambda p: p.MobileNetV2Model(
        p.MobileNetV2Config(image_size=SIDE, depth_multiplier=0.2)
    ),
}  # fmt: skip


def transformers_checkpoint(kind: str, folder: Path, seed: int = 0) -> Any:
    """Writes one with random weights; returns the model that was written."""
    import torch
    import transformers

    torch.manual_seed(seed)
    transformers.utils.logging.disable_progress_bar()
    model = TRANSFORMERS[kind](transformers).eval()
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))
    return model


def masked_checkpoint(folder: Path) -> None:
    """A network that covers three quarters of a picture at random: of no use as a backbone."""
    import transformers

    transformers.ViTMAEModel(transformers.ViTMAEConfig(**_SHAPE)).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))


def timm_checkpoint(folder: Path, name: str = "vit_tiny_patch16_224", **how: Any) -> Any:
    """The same in timm's layout."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=3, **how).eval()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    about = {
        "architecture": name, "num_classes": 3, "num_features": model.num_features,
        "model_args": how,
        "pretrained_cfg": {
            "mean": MEAN, "std": STD, "input_size": [3, SIDE, SIDE], "num_classes": 3,
            "interpolation": "bicubic", "first_conv": model.pretrained_cfg["first_conv"],
            "classifier": model.pretrained_cfg["classifier"], "fixed_input_size": "img_size" in how,
        },
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(about))
    return model
