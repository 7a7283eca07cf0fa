"""What models share: weights, gradients, users' units, copies and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._validate import Array, as_floats, check_int
from ..data import SequenceScaler
from ..files import write_record
from ..files.whole import PathType
from ..nn.base import Cache, check_like, flat_grads
from ..params import Gradients, Parameters, at_most

if TYPE_CHECKING:
    # What the network keeps, and the shape of the outputs.
    ModelCache: TypeAlias = Cache[tuple[Any, tuple[int, ...]]]

__all__ = ["TrainableModel", "in_order"]


def in_order(outputs: NDArray[Any], quantiles: int) -> NDArray[Any]:
    """Sort the quantiles of each target, which lie side by side on the last axis.

    The monotone rearrangement of Chernozhukov, Fernandez-Val & Galichon (2010): what
    crosses changes places, all else stays, and the pinball loss gets no larger.
    """
    if quantiles == 1:
        return outputs
    return np.sort(outputs.reshape(*outputs.shape[:-1], -1, quantiles)).reshape(
        outputs.shape
    )


class TrainableModel:
    """Base of the models.

    A subclass's constructor takes ``config`` and ``random_state``, and sets ``config``,
    ``params``, ``_network`` (what computes, below all checks) and ``_quantiles``.
    ``_scalers`` names its attributes that hold a `SequenceScaler` or None.
    """

    _scalers: ClassVar[tuple[str, ...]] = ("input_scaler", "target_scaler")

    config: dict[str, Any]
    params: Parameters
    _network: Any
    _quantiles: int
    input_scaler: SequenceScaler | None = None
    target_scaler: SequenceScaler | None = None
    classes: NDArray[Any] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of weights, inputs and outputs of ``infer``."""
        return self.params.dtype

    @property
    def memory(self) -> str:
        """What training steps keep; may be changed at any time."""
        memory: str = self.config["memory"]
        return memory

    @memory.setter
    def memory(self, memory: str) -> None:
        for lstm in self._network.lstms:
            lstm.memory = memory
        self.config["memory"] = memory

    @property
    def grads(self) -> Gradients:
        """Gradients that ``backward`` adds into where it is given no others."""
        return self.params.grads

    def backward(
        self, doutputs: Array, cache: ModelCache, grads: Gradients | None = None
    ) -> None:
        """Add the gradients of the weights, given those of the outputs.

        Those of activation penalties are added too. ``doutputs`` has to be zero at
        padded steps, as a loss with lengths leaves it. Where a gradient overflows,
        those of the weights do: the optimizer, which takes their norm anyway, refuses
        them.

        Raises
        ------
        ValueError
            Another model's cache, a used or an outdated one, another shape, gradients
            of other parameters.
        TypeError
            Another dtype.
        """
        params = self.params
        kept, shape = cache.open(self, params.version)
        doutputs = as_floats("doutputs", doutputs, params.dtype)
        check_like("doutputs", doutputs, shape, "outputs")
        if grads is None:
            grads = params.grads
        else:
            flat_grads(params, grads)  # raises where they are of other parameters
        self._network.backward(doutputs, kept, grads)
        cache.close()

    # --------------------------------------------------------------------- units

    def _scaled(self, x: NDArray[Any], scaler: SequenceScaler | None) -> NDArray[Any]:
        """Return ``x`` in the network's units and dtype, C-contiguous."""
        if scaler is not None:
            x = scaler.transform(x)
        try:
            with np.errstate(over="raise"):
                return np.ascontiguousarray(x, self.dtype)
        except FloatingPointError:
            raise ValueError(
                f"inputs reach {np.abs(x).max():.3g}, too large for {self.dtype}: "
                "expected data on the scale of the fit, or dtype='float64'"
            ) from None

    def _in_units(self, numbers: Array) -> NDArray[np.float64]:
        """Return a network's outputs (..., K) as ``predict`` does."""
        outputs: NDArray[np.float64] = numbers.astype(np.float64)
        if self.classes is not None:
            outputs -= outputs.max(axis=-1, keepdims=True)
            np.exp(outputs, out=outputs)
            outputs /= outputs.sum(axis=-1, keepdims=True)
        elif self.target_scaler is not None:
            outputs = self._in_units_of_targets(outputs, self.target_scaler)
        return in_order(outputs, self._quantiles)

    def _in_units_of_targets(
        self, outputs: NDArray[np.float64], scaler: SequenceScaler
    ) -> NDArray[np.float64]:
        if self._quantiles == 1:
            return scaler.inverse_transform(outputs)
        by_target = outputs.reshape(*outputs.shape[:-1], -1, self._quantiles)
        scaled = scaler.inverse_transform(by_target.swapaxes(-1, -2))
        return scaled.swapaxes(-1, -2).reshape(outputs.shape)

    # --------------------------------------------------------------------- state

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copy all that prediction needs beside ``config`` and ``classes``."""
        state: dict[str, NDArray[Any]] = dict(self.params.state_dict())
        for name in self._scalers:
            scaler = getattr(self, name)
            if scaler is not None:
                items = scaler.state_dict().items()
                state.update({f"{name}.{key}": value for key, value in items})
        return state

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take what ``state_dict`` of a model with the same ``config`` gave."""
        scalers: dict[str, SequenceScaler | None] = {}
        rest = dict(state)
        for name in self._scalers:
            keys = [key for key in rest if key.startswith(f"{name}.")]
            scalers[name] = None
            if keys:
                scaler = scalers[name] = SequenceScaler()
                scaler.load_state_dict(
                    {key.rpartition(".")[2]: rest.pop(key) for key in keys}
                )
        self.params.load_state_dict(rest)
        for name, found in scalers.items():
            setattr(self, name, found)

    def save(self, path: PathType) -> None:
        """Write the model to a safetensors file, which `fastlstm.load` reads.

        Kept is what prediction and further training need: ``config``, weights, running
        statistics, scalers, classes. The file is written as a whole or not at all.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        TypeError
            ``classes`` with other objects than numbers and strings.
        OSError
            The file cannot be written.
        """
        write_record(path, "model", {"model": self})

    def __getstate__(self) -> dict[str, Any]:
        # Weights alone, no buffer, layer or packed copy: a pickle stays small, may be
        # memory-mapped read-only, and does not depend on how layers are built inside.
        return {
            "config": self.config,
            "state": self.state_dict(),
            "classes": self.classes,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        config, arrays = state["config"], state["state"].values()
        # A file may be damaged or made up: no more memory than what is in it.
        check_int("num_layers", config.get("num_layers", 1), 1, len(arrays))
        with at_most(sum(array.size for array in arrays)):
            self.__init__(**config, random_state=0)  # type: ignore[misc]
        self.load_state_dict(state["state"])
        self.classes = state["classes"]
