"""What training an LSTM draws masks for: the arguments, checked."""

from __future__ import annotations

from typing import Final, NamedTuple

from .._validate import check_choice, check_float

__all__ = ["RECURRENT_DROPOUT", "Regularizers", "check_regularizers"]

RECURRENT_DROPOUT: Final = ("candidate", "hidden")


class Regularizers(NamedTuple):
    """Probabilities, as `fastlstm.nn.LSTM` takes them."""

    dropout: float = 0.0
    variational_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    recurrent_dropout_kind: str = "candidate"
    weight_dropout: float = 0.0
    zoneout_h: float = 0.0
    zoneout_c: float = 0.0

    @property
    def active(self) -> bool:
        """Whether training draws any mask."""
        return any(self.rates)

    @property
    def rates(self) -> tuple[float, ...]:
        """In the order in which the core takes them."""
        on_h = self.recurrent_dropout_kind == "hidden"
        return (
            self.dropout,
            self.variational_dropout,
            self.recurrent_dropout if on_h else 0.0,
            0.0 if on_h else self.recurrent_dropout,
            self.weight_dropout,
            self.zoneout_h,
            self.zoneout_c,
        )


def check_regularizers(
    dropout: float,
    variational_dropout: float,
    recurrent_dropout: float,
    recurrent_dropout_kind: str,
    weight_dropout: float,
    zoneout_h: float,
    zoneout_c: float,
    *,
    num_layers: int,
) -> Regularizers:
    """Return the arguments of `fastlstm.nn.LSTM` as one record."""

    def rate(name: str, value: float) -> float:
        return check_float(name, value, "[0, 1)")

    kind = check_choice(
        "recurrent_dropout_kind", recurrent_dropout_kind, RECURRENT_DROPOUT
    )
    if rate("dropout", dropout) and num_layers == 1:
        raise ValueError(
            "dropout acts between layers and there is one: got "
            f"dropout={dropout!r} with num_layers=1; use variational_dropout, "
            "fastlstm.nn.Dropout after the layer, or more layers"
        )
    return Regularizers(
        rate("dropout", dropout),
        rate("variational_dropout", variational_dropout),
        rate("recurrent_dropout", recurrent_dropout),
        kind,
        rate("weight_dropout", weight_dropout),
        rate("zoneout_h", zoneout_h),
        rate("zoneout_c", zoneout_c),
    )
