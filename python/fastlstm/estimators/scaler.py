"""A scaler of sequences as a step of scikit-learn's pipelines."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted

from .. import data
from ..data import SequenceBatch
from .floats import as_floats, raise_not_finite
from .forms import from_array, from_list, is_list_of_sequences, place_in_table, shape_of
from .inputs import check_sequences, check_weights
from .layouts import LAYOUTS, layout_of, learn_layout

__all__ = ["SequenceScaler"]


class SequenceScaler(
    OneToOneFeatureMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Scale sequences, each feature by itself, over all steps of all sequences.

    `LSTMRegressor` and `LSTMClassifier` do what ``method="standard"`` does by
    themselves (``standardize=True``). This is for the other methods, then with
    ``standardize=False``, and for targets in
    `sklearn.compose.TransformedTargetRegressor`.

    Here and in the estimators (N, T) is T steps of one feature, which have one centre
    and one scale. Where columns are features of their own, as with several outputs (N,
    K), scikit-learn's own scalers are the right ones.

    Parameters
    ----------
    method : {"standard", "minmax", "robust"}, default="standard"
        Zero mean and unit variance; or into ``feature_range``; or zero median and unit
        distance between two percentiles, which outliers do not move. A constant feature
        is only shifted.
    feature_range : (float, float), default=(0.0, 1.0)
        With "minmax", where the smallest and the largest value go.
    quantile_range : (float, float), default=(25.0, 75.0)
        With "robust", the percentiles, from 0 to 100.
    layout : {"ntf", "nft"}, default="ntf"
        Of arrays of three dimensions and of those in lists, as for `LSTMRegressor`.

    Attributes
    ----------
    center_, scale_ : (F,) arrays
        What is subtracted from each feature, and what it is then divided by.
    scaler_ : fastlstm.data.SequenceScaler
        Holds both, needs NumPy alone, and may be the ``input_scaler`` or
        ``target_scaler`` of a `fastlstm.models.SequenceModel`.
    n_features_in_ : int
        Features of a step; for (N, T) input its T.
    feature_names_in_ : (n_features_in_,) array of str
        Columns of a frame, or of all frames of a list, where they are strings.

    See Also
    --------
    fastlstm.data.SequenceScaler : the same for padded arrays, without scikit-learn.

    Notes
    -----
    This class is not at the top level of fastlstm: the name alone would not say whether
    it is this one or that of `fastlstm.data`, which models take.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.estimators import SequenceScaler
    >>> X = [np.array([[0.0], [2.0]]), np.array([[4.0]])]
    >>> scaler = SequenceScaler("minmax").fit(X)
    >>> scaler.transform(X)
    [array([[0. ],
           [0.5]]), array([[1.]])]
    >>> scaler.inverse_transform([np.array([[0.25]])])
    [array([[1.]])]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "method": [StrOptions({"standard", "minmax", "robust"})],
        "feature_range": [tuple, list],
        "quantile_range": [tuple, list],
        "layout": [StrOptions(set(LAYOUTS))],
    }

    def __init__(
        self,
        method: str = "standard",
        *,
        feature_range: tuple[float, float] = (0.0, 1.0),
        quantile_range: tuple[float, float] = (25.0, 75.0),
        layout: str = "ntf",
    ) -> None:
        self.method = method
        self.feature_range = feature_range
        self.quantile_range = quantile_range
        self.layout = layout

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def center_(self) -> NDArray[np.float64]:
        """What is subtracted from each feature."""
        return self.scaler_.state_dict()["center"]

    @property
    def scale_(self) -> NDArray[np.float64]:
        """What each feature is then divided by."""
        return self.scaler_.state_dict()["scale"]

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Take the statistics of sequences.

        Parameters
        ----------
        X : (N, T, F) array, (N, T) array or frame, or list of N arrays or frames
            As for `LSTMRegressor`.
        y : ignored
        sample_weight : (N,) array, optional
            Weight of each sequence; 2 counts as twice there, 0 as absent.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A parameter out of its range; shapes that do not fit; NaN or inf, with
            sample, step and feature; values whose variance or range overflows.
        """
        self._validate_params()
        before = self.__dict__.copy()
        try:
            scaler = data.SequenceScaler(
                self.method,  # type: ignore[arg-type]
                feature_range=self.feature_range,
                quantile_range=self.quantile_range,
            )
            learn_layout(self)
            inputs = check_sequences(self, X, reset=True)
            weights = check_weights(sample_weight, inputs)
            self.scaler_ = scaler.fit(
                inputs.x, lengths=inputs.lengths, sample_weight=weights
            )
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def transform(self, X: Any) -> Any:
        """Scale sequences.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        array of the shape of X, or list of arrays
            In float32 where X is, else in float64. (N, T) may come as a frame, see
            ``set_output``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As for ``fit``; another number of features; sequences of several features
            after ``set_output``, since no frame can hold them.
        """
        check_is_fitted(self)
        inputs = check_sequences(self, X, reset=False)
        container = _get_output_config("transform", self)["dense"]
        if container != "default" and not _is_table(X):
            raise ValueError(
                f"transform_output={container!r} asks for a frame, which only holds "
                "(samples, steps): sequences of features need "
                "set_output(transform='default')"
            )
        return self._as_given(X, inputs, self.scaler_.transform(inputs.x))

    def inverse_transform(self, X: Any) -> Any:
        """Scale sequences back, such as predictions.

        Parameters
        ----------
        X : as for ``fit``
            Names of columns are not compared.

        Returns
        -------
        array of the shape of X, or list of arrays

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Shapes that do not fit; NaN or inf; another number of features.
        """
        check_is_fitted(self)
        layout = layout_of(self)
        if is_list_of_sequences(X):
            inputs = from_list(X, "X", layout)
        elif _is_table(X):
            describe = partial(place_in_table, X)
            values = as_floats(X, "X", describe)
            raise_not_finite("X", values, describe)
            inputs = SequenceBatch(values[:, :, None])
        elif len(shape_of(X)) == 3:
            inputs = from_array(self, X, "X", layout)
        else:
            raise ValueError(
                f"X has shape {shape_of(X)}: expected what fit and transform take"
            )
        features = len(self.scale_)
        if inputs.n_features != features:
            raise ValueError(
                f"X has {inputs.n_features} features a step, but SequenceScaler was "
                f"fitted on {features}"
            )
        return self._as_given(X, inputs, self.scaler_.inverse_transform(inputs.x))

    def _as_given(
        self, X: Any, inputs: SequenceBatch, values: NDArray[np.float64]
    ) -> Any:
        """Give (N, T, F) values the form and dtype of X."""
        values = values.astype(inputs.x.dtype, copy=False)
        turn = layout_of(self).turn
        if is_list_of_sequences(X):
            pairs = zip(values, inputs.row_lengths, strict=True)
            return [turn(row[:steps]) for row, steps in pairs]
        return values[:, :, 0] if _is_table(X) else turn(values)


def _is_table(X: Any) -> bool:
    return not is_list_of_sequences(X) and len(shape_of(X)) == 2
