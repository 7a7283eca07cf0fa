"""``fastlstm.load``: what was saved, as far as this machine can use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

# What a file may hold has to be known.
from . import schedules  # noqa: F401
from .files import read_record
from .files.whole import PathType
from .forecasting.forecast_model import ForecastModel
from .models import EncoderDecoder, SequenceModel

if TYPE_CHECKING:
    from .estimators.saving import Saved

__all__ = ["load"]


def load(path: PathType) -> SequenceModel | EncoderDecoder | ForecastModel | Saved:
    """Load what ``save`` of a model or of an estimator has written.

    Nothing in the file is executed.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    SequenceModel, EncoderDecoder or estimator
        An estimator's file gives the fitted estimator; where scikit-learn is not
        installed its ``model_``, which predicts to the same bits, from a
        `fastlstm.data.SequenceBatch`, in the units of X and y: numbers, or the
        probabilities of ``model.classes``; that of an `LSTMForecaster` its
        ``forecast_model_``, which forecasts panels.

    Raises
    ------
    ValueError
        A damaged or foreign file, or one of a newer format; the message names it.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastlstm, numpy as np
    >>> model = fastlstm.models.SequenceModel(3, 1, hidden_size=5, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     model.save(path)
    ...     same = fastlstm.load(path)
    >>> batch = fastlstm.data.SequenceBatch(np.ones((2, 4, 3)))
    >>> bool((same.predict(batch) == model.predict(batch)).all())
    True
    """
    kind, content = read_record(path, ("model", "estimator"))
    if kind == "model":
        model: SequenceModel | EncoderDecoder = content["model"]
        return model
    try:
        from .estimators.saving import restore
    except ImportError:
        attributes = content["attributes"]
        known: SequenceModel | ForecastModel = attributes[
            "forecast_model_" if "forecast_model_" in attributes else "model_"
        ]
        return known
    return restore(path, content)
