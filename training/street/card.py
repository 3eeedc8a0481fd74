"""The model card: what the model was made from, how good it is, what it does not know."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.street.data import Order
from training.street.evaluate import Score, table
from training.street.heads import HEADS, HEIGHT, WIDTH

if TYPE_CHECKING:
    from training.street.plan import Plan

__all__ = ["Card", "write"]

_TRAINED_ON = "drawn street scenes (vistoria.street); no photograph"
_LICENCE = "Apache-2.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`scores` of the int8 file, `exact` of the float32 one; `minutes` by step."""

    version: str
    scores: tuple[Score, ...]
    exact: tuple[Score, ...]
    temperatures: Mapping[str, float]
    plan: "Plan"
    minutes: Mapping[str, Mapping[str, float]]

    def metadata(self) -> dict[str, object]:
        """What the ONNX file says about itself, under the key `vistoria`."""
        return {
            "format": 1,
            "name": "street",
            "version": self.version,
            "input": {
                "name": "image",
                "width": WIDTH,
                "height": HEIGHT,
                "layout": "NHWC",
                "color": "RGB",
                "fit": "stretch",
            },
            "heads": [
                {
                    "name": head.name,
                    "classes": list(head.classes),
                    "kind": head.kind,
                    "only_if": head.only_if,
                    "accuracy": round(score.accuracy, 4),
                    "n": score.n,
                    "ece": None if score.ece is None else round(score.ece, 4),
                    "temperature": round(self.temperatures[head.name], 4),
                    "trained": score.trained,
                }
                for head, score in zip(HEADS, self.scores, strict=True)
            ],
            "trained_on": _TRAINED_ON,
            "licence": _LICENCE,
        }

    def as_json(self) -> dict[str, object]:
        """The metadata, each score with its interval, and how the model came about."""
        return {
            **self.metadata(),
            "scores": [one.as_json() for one in self.scores],
            "scores_float32": [one.as_json() for one in self.exact],
            "photos": {
                "learn": _counts((*self.plan.learn, *self.plan.read)),
                "tune": _counts(self.plan.tune),
            },
            "minutes": self.minutes,
        }


def write(card: Card, folder: Path) -> None:
    """`card.json` and `card.md` beside the model."""
    text = json.dumps(card.as_json(), indent=2, allow_nan=False)
    (folder / "card.json").write_text(text + "\n", "utf-8")
    (folder / "card.md").write_text(_page(card, (folder / "street.onnx").stat().st_size), "utf-8")


def _counts(orders: tuple[Order, ...]) -> list[dict[str, object]]:
    return [
        {"of": one.sign_kind or one.asset or "any", "seeds_from": one.start, "count": one.count}
        for one in orders
    ]


def _page(card: Card, size: int) -> str:
    orders = (*card.plan.learn, *card.plan.read)
    speeds = sum(order.count for order in orders if order.sign_kind == "speed_limit")
    fitting = [taken for step, taken in card.minutes.items() if step != "draw"]
    total = {kind: sum(taken[kind] for taken in fitting) for kind in ("wall", "cpu")}
    return _PAGE.format(
        version=card.version,
        size=size / 2**20,
        learn=sum(order.count for order in orders),
        speeds=speeds,
        tune=sum(order.count for order in card.plan.tune),
        natural=card.plan.natural,
        extra=card.plan.speeds,
        table=table(card.scores),
        exact=table(card.exact),
        licence=_LICENCE,
        **total,
    )


_PAGE = """\
# Model card: street {version}

Answers questions about utility poles, road signs and maintenance covers in **drawn** street scenes.
It makes the demo and the tests run without a network or a key. It has never seen a photograph: on
real streets its answers mean nothing. Train a student of your own for those.

- **Form**: one ONNX file, int8 convolutions, {size:.1f} MiB. Input `image`: uint8 [N, 240, 320, 3],
  RGB, the photo stretched to 320 × 240. Outputs: class probabilities for each field, and `box`, the
  asset as left, top, right, bottom, each a share of the frame.
- **How it looks**: stage 1 finds the asset, its lean and its box in the whole frame; stage 2 reads
  the other fields in a 96 × 96 crop around that box. Both are small residual convolution nets.
- **Data**: {learn} scenes drawn by `vistoria.street`, {speeds} of them speed-limit signs; {tune}
  further ones for temperatures and int8 ranges. No photograph, no downloaded weights.
- **Made by** `python -m training.street train` (two stages, AdamW, moving average of weights,
  static quantisation, a temperature per head where that helps): {cpu:.0f} processor minutes,
  {wall:.0f} by the clock, besides drawing the scenes.
- **Licence**: {licence}, as the project.

## How good it is

On {natural} held-out scenes as they come and {extra} speed-limit signs (these for the speed limit
only), in the form that ships. *Accuracy* is end to end: of all scenes that the field applies to,
with a wrong asset or sign kind counted as wrong. *Usual* is always giving the commonest answer.
*ECE* is the expected calibration error of the confidence over the scenes that get this answer.

```
{table}
```

The same network in float32:

```
{exact}
```

## Limits

- It knows the renderer's streets, styles, weather and camera, nothing else. One asset per scene.
- Speed limits are the twelve values 20 … 130 in two plate styles; graffiti and small plates cost
  most.
- A field marked NOT TRAINED is no better than chance and must be refused.
- Accuracy holds for the mix of assets that the renderer draws; another mix shifts it.
"""
