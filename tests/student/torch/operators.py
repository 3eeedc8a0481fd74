"""Lets torchvision be imported beside a torch of another build: timm asks for it, and uses of it
nothing that is compiled."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

_COMPILED = ("nms", "qnms")
_declared: list[Any] = []


def declare_operators() -> bool:
    """Names the operators that torchvision's own library would bring; False without torchvision."""
    import torch

    try:
        build = version("torchvision")
    except PackageNotFoundError:
        return False
    if build.partition("+")[2] != torch.__version__.partition("+")[2] and not _declared:
        library = torch.library.Library("torchvision", "DEF")
        for name in _COMPILED:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
    return True
