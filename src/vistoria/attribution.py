"""Whose pictures they are: said wherever they are shown."""

from collections.abc import Mapping

__all__ = ["attribution_of"]

_GOOGLE = "Imagery © Google"
_KNOWN: Mapping[str, str] = {
    "svi_pano": _GOOGLE, "svi_full_frame": _GOOGLE, "svi_cropped": _GOOGLE, "svi_ga": _GOOGLE,
    "imagery_preview": _GOOGLE, "pre_preview": _GOOGLE,
    "mapillary": "© Mapillary contributors, CC BY-SA 4.0",
    "panoramax": "© Panoramax contributors",
    "kartaview": "© KartaView contributors, CC BY-SA 4.0",
}  # fmt: skip


def attribution_of(profile: str, source: str) -> str:
    """What a run's pictures must bear, by the profile of its source."""
    return _KNOWN.get(profile, f"Photos: {source}")
