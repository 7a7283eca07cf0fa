"""The LSTM layer: any number of layers, both directions, projection, ragged batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import (
    Array,
    RandomState,
    as_floats,
    as_generator,
    check_bool,
    check_choice,
    check_dtype,
    check_float,
    check_int,
    check_row_ids,
    check_size,
)
from ..params import Gradients, Parameters, ParameterSpec
from .base import Cache, Core, ParameterLayer, check_like, flat_grads, resolve_seed
from .initializers import LSTM_INITIALIZERS, initialize_lstm
from .lstm_inputs import InputCheck, check_projection, layer_sizes, split_pair
from .states import StateLayout
from .trace import GateTrace, read_trace

if TYPE_CHECKING:
    # Core cache, x, y and lengths: y is what the core reads hidden states from.
    LSTMCache: TypeAlias = Cache[tuple[_core.Cache, Array, Array]]

MEMORY = ("store", "recompute", "checkpoint")

# Arrays, or lists of arrays where the hidden sizes differ: a union would only make
# every caller narrow what it knows.
State: TypeAlias = tuple[Any, Any]


class LSTM(ParameterLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with forget gates).

    For each step t, with z = W_ih x_t + W_hh h_{t-1} + b cut into four gates::

        i, f, g, o = sigmoid(z_i), sigmoid(z_f), tanh(z_g), sigmoid(z_o)
        c_t = f * c_{t-1} + i * g
        h_t = o * tanh(c_t)                     # projected: h_t = W_hr (o * tanh(c_t))

    Parameters
    ----------
    input_size : int
        Features I of a step.
    hidden_size : int or sequence of int
        Units H, or one number a layer.
    num_layers : int, default=1
        Layers L; each reads the outputs of the one below. May be left out where
        ``hidden_size`` is a sequence.
    bias : bool, default=True
        One bias a layer and direction (torch has two and adds them).
    bidirectional : bool, default=False
        Read each sequence in both directions (D = 2) and concatenate the outputs.
    projection_size : int, default=0
        P > 0: outputs and recurrent inputs are projections of size P < H of the units
        (Sak et al. 2014).
    initializer : {"glorot_orthogonal", "uniform"}, default="glorot_orthogonal"
        As Keras or as torch; see :func:`fastlstm.nn.initializers.initialize_lstm`.
    forget_bias : float, default=1.0
        Added to the forget gate's bias at the start, with either initializer (torch:
        0). Without ``bias`` there is nothing to add it to.
    dropout : float, default=0.0
        Probability in [0, 1) with which :meth:`forward` zeroes an output of a layer on
        its way to the next one; needs two layers.
    memory : {"store", "recompute", "checkpoint"}, default="store"
        What :meth:`forward` keeps for :meth:`backward` beside the outputs, for every
        layer and direction: the four gates and the cell of each step (5 N T H numbers);
        the cells alone (N T H), from which backward computes the gates again, a chunk
        of steps at a time; or the cells of every sqrt(T)-th step or fewer (Chen et al.
        2016). The bits are the same; backward takes about a third longer.
    dtype : {"float32", "float64"}, default="float32"
        Storage and arithmetic. Inputs must have it.
    random_state : None, int, numpy.random.Generator or RandomState
        Source of the weights, and of the seeds of forwards without ``mask_seed``.

    Attributes
    ----------
    params : Parameters
        Read-only views. For layer k: ``weight_ih_l{k}`` (4H, I), ``weight_hh_l{k}``
        (4H, H or P), ``bias_l{k}`` (4H,) and, projected, ``weight_hr_l{k}`` (P, H);
        with ``_reverse`` appended for the other direction. Gate order i, f, g, o.
    grads : Gradients
        Under the same names; what :meth:`backward` adds into by default.

    Raises
    ------
    ValueError, TypeError
        A size below 1 or not an integer, ``projection_size`` not below every hidden
        size, ``dropout`` with one layer, or sizes that no memory can hold.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.nn import LSTM
    >>> lstm = LSTM(3, 5, random_state=0)
    >>> x = np.zeros((2, 7, 3), np.float32)
    >>> y, (h, c) = lstm(x)
    >>> y.shape, h.shape, c.shape
    ((2, 7, 5), (1, 2, 5), (1, 2, 5))
    >>> y, (h, c), cache = lstm.forward(x)
    >>> dx, (dh0, dc0) = lstm.backward(np.ones_like(y), cache)
    >>> lstm.grads["bias_l0"].shape
    (20,)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int | Sequence[int],
        num_layers: int = 1,
        *,
        bias: bool = True,
        bidirectional: bool = False,
        projection_size: int = 0,
        initializer: str = "glorot_orthogonal",
        forget_bias: float = 1.0,
        dropout: float = 0.0,
        memory: str = "store",
        dtype: npt.DTypeLike = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.input_size = check_int("input_size", input_size, 1)
        self.hidden_sizes = layer_sizes(hidden_size, num_layers)
        self.hidden_size = hidden_size
        self.num_layers = len(self.hidden_sizes)
        self.bias = check_bool("bias", bias)
        self.bidirectional = check_bool("bidirectional", bidirectional)
        self.projection_size = check_projection(projection_size, self.hidden_sizes)
        self.initializer = check_choice("initializer", initializer, LSTM_INITIALIZERS)
        self.forget_bias = check_float("forget_bias", forget_bias)
        self.dropout = check_float("dropout", dropout, "[0, 1)")
        if self.dropout and self.num_layers == 1:
            raise ValueError(
                "dropout acts between layers and there is one: got "
                f"dropout={dropout!r} with num_layers=1; use fastlstm.nn.Dropout after "
                "the layer, or more layers"
            )
        self.memory = memory
        storage = check_dtype(dtype)
        largest = max(self.hidden_sizes)
        widest = max(self.input_size, 2 * largest)
        check_size("a layer's weights", 4 * largest * (widest + largest), storage)
        self._rng = as_generator(random_state)
        self._core = Core(
            _core.LSTM,
            self.input_size,
            list(self.hidden_sizes),
            self.bidirectional,
            self.bias,
            self.projection_size,
            storage.name,
        )
        self.params = Parameters(
            [
                ParameterSpec(name, tuple(shape), decay=not name.startswith("bias"))
                for name, shape, _ in self._core.compiled.layout
            ],
            storage,
        )
        initialize_lstm(self.params, self.initializer, self.forget_bias, self._rng)
        # What calls would otherwise work out again and again.
        outputs = [self.projection_size or size for size in self.hidden_sizes]
        stacked = len(set(self.hidden_sizes)) == 1
        directions = 2 if self.bidirectional else 1
        self.h_layout = StateLayout(outputs, directions, stacked, storage)
        self.c_layout = StateLayout(self.hidden_sizes, directions, stacked, storage)
        self._output_size = directions * outputs[-1]
        # Gates and cells of every layer are what training keeps of a step.
        step_size = 6 * self.c_layout.row_size + 2 * self.input_size
        self.check_inputs = InputCheck(self.input_size, step_size, storage)

    def __repr__(self) -> str:
        return (
            f"LSTM({self.input_size}, {self.hidden_size}, "
            f"num_layers={self.num_layers}, bidirectional={self.bidirectional}, "
            f"projection_size={self.projection_size}, dropout={self.dropout}, "
            f"memory={self.memory!r}, dtype={self.dtype.name!r})"
        )

    @property
    def memory(self) -> str:
        """What :meth:`forward` keeps; may be changed at any time."""
        return self._memory

    @memory.setter
    def memory(self, memory: str) -> None:
        self._memory = check_choice("memory", memory, MEMORY)

    @property
    def output_size(self) -> int:
        """Features of a step of y: D H of the last layer, or D P."""
        return self._output_size

    @property
    def compiled(self) -> _core.LSTM:
        """The core's own layer with the newest weights, for callers that checked."""
        return self._core.synced(self.params)

    @property
    def path(self) -> str:
        """ISA, dtype and plan of the last call or forward."""
        return self._core.compiled.path

    def __call__(
        self,
        x: npt.ArrayLike,
        state: State | None = None,
        lengths: npt.ArrayLike | None = None,
    ) -> tuple[Array, State]:
        """Infer outputs and final states; nothing is kept and nothing dropped.

        Parameters
        ----------
        x : ndarray of shape (N, T, I)
            Of the layer's dtype.
        state : tuple (h, c), optional
            Initial states, zero by default: h (L D, N, H or P) and c (L D, N, H). With
            unequal hidden sizes, lists of L arrays (D, N, .).
        lengths : array-like of int of shape (N,), optional
            Valid steps of each sequence, from 1 to T. Steps beyond are never read (NaN
            may stand there) and give zeros.

        Returns
        -------
        y : ndarray of shape (N, T, D * H or D * P)
        (h, c) : tuple
            States after each sequence's last valid step, as ``state``.

        Raises
        ------
        ValueError
            Another rank, feature count or state shape, an empty array, lengths out of
            range, NaN or inf in a valid step or in a state.
        TypeError
            Another dtype, a masked array.
        """
        x, valid = self.check_inputs(x, lengths)
        n, t, _ = x.shape
        h0, c0 = (None, None) if state is None else self._pack("state", state, n)
        y = np.empty((n, t, self._output_size), x.dtype)
        h, hn = self.h_layout.new(n)
        c, cn = self.c_layout.new(n)
        self.compiled.infer(x, y, h0, c0, hn, cn, valid)
        return y, (h, c)

    def forward(
        self,
        x: npt.ArrayLike,
        state: State | None = None,
        lengths: npt.ArrayLike | None = None,
        mask_seed: int | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> tuple[Array, State, LSTMCache]:
        """Run for training: as a call, with dropout and a cache for backward.

        Parameters
        ----------
        x, state, lengths
            As for a call.
        mask_seed : int, optional
            From 0 to 2**64 - 1. Dropout masks are a function of this seed, the layer,
            the step, the row id and the unit. By default the next of ``random_state``.
        row_ids : array-like of int of shape (N,), optional
            A number that stays with a sequence wherever it stands in a batch, so that
            its masks do; by default its place.

        Returns
        -------
        y, (h, c)
            As for a call.
        cache : Cache
            For one backward. Refers to x and y: leave them unchanged until then.

        Raises
        ------
        ValueError, TypeError
            As for a call, and for a bad ``mask_seed`` or ``row_ids``.
        """
        x, valid = self.check_inputs(x, lengths)
        n, t, _ = x.shape
        h0, c0 = (None, None) if state is None else self._pack("state", state, n)
        ids = None if row_ids is None else check_row_ids(row_ids, n)
        drops = self.dropout or mask_seed is not None
        seed = resolve_seed(mask_seed, self._rng) if drops else 0
        y = np.empty((n, t, self._output_size), x.dtype)
        h, hn = self.h_layout.new(n)
        c, cn = self.c_layout.new(n)
        kept = self.compiled.forward(
            x, y, h0, c0, hn, cn, valid, self.dropout, seed, ids, self.memory
        )
        cache = Cache(self, self._core.version, (kept, x, y), kept.bytes)
        return y, (h, c), cache

    @overload
    def backward(
        self,
        dy: npt.ArrayLike | None,
        cache: LSTMCache,
        dstate: State | None = None,
        grads: Gradients | None = None,
        need_dx: Literal[True] = True,
    ) -> tuple[Array, State]: ...

    @overload
    def backward(
        self,
        dy: npt.ArrayLike | None,
        cache: LSTMCache,
        dstate: State | None = None,
        grads: Gradients | None = None,
        *,
        need_dx: bool,
    ) -> tuple[Array | None, State]: ...

    def backward(
        self,
        dy: npt.ArrayLike | None,
        cache: LSTMCache,
        dstate: State | None = None,
        grads: Gradients | None = None,
        need_dx: bool = True,
    ) -> tuple[Array | None, State]:
        """Propagate gradients back through time.

        Parameters
        ----------
        dy : ndarray of shape (N, T, D * H or D * P) or None
            Gradient of y; None where only the final states matter.
        cache : Cache
            From this layer's :meth:`forward`, not used yet, weights unchanged since.
        dstate : tuple (dh, dc), optional
            Gradients of the final states, as forward returned those; either may be
            None.
        grads : Gradients, optional
            What to add the parameters' gradients into, :attr:`grads` by default. With
            one each, many threads may train one layer.
        need_dx : bool, default=True
            Whether to compute the gradient of x.

        Returns
        -------
        dx : ndarray of shape (N, T, I) or None
            Zero at padded steps.
        (dh0, dc0) : tuple
            Gradients of the initial states.

        Raises
        ------
        ValueError
            Another layer's cache, a used or an outdated one, another shape, or neither
            ``dy`` nor ``dstate``.
        TypeError
            Another dtype.
        """
        kept, x, y = cache.open(self, self.params.version)
        n = x.shape[0]
        if dy is not None:
            dy = check_like("dy", as_floats("dy", dy, self.dtype), y.shape, "y")
        dh, dc = (None, None) if dstate is None else split_pair("dstate", dstate)
        if dy is None and dh is None and dc is None:
            raise ValueError("backward needs dy, dstate or both: got None for each")
        dh = None if dh is None else self.h_layout.pack("dstate[0]", dh, n)
        dc = None if dc is None else self.c_layout.pack("dstate[1]", dc, n)
        flat = flat_grads(self.params, grads)
        dx = np.empty(x.shape, x.dtype) if need_dx else None
        dh0, dh0_flat = self.h_layout.new(n)
        dc0, dc0_flat = self.c_layout.new(n)
        self._core.compiled.backward(kept, dy, dh, dc, flat, dx, dh0_flat, dc0_flat)
        cache.close()
        return dx, (dh0, dc0)

    def trace(
        self,
        x: npt.ArrayLike,
        state: State | None = None,
        lengths: npt.ArrayLike | None = None,
    ) -> dict[str, GateTrace]:
        """Compute the gates, cells and hidden states of every step and layer.

        Parameters
        ----------
        x, state, lengths
            As for a call.

        Returns
        -------
        dict of str to GateTrace
            By the suffix of the layer's parameters: "l0", "l0_reverse", "l1", ...;
            arrays ``i``, ``f``, ``g``, ``o``, ``c`` (N, T, H) and ``h``
            (N, T, H or P). `fastlstm.plotting.plot_gates` draws one.

        Raises
        ------
        ValueError, TypeError
            As for a call.
        """
        x, valid = self.check_inputs(x, lengths)
        n, t, _ = x.shape
        h0, c0 = (None, None) if state is None else self._pack("state", state, n)
        y = np.empty((n, t, self._output_size), x.dtype)
        kept = self.compiled.forward(
            x, y, h0, c0, None, None, valid, 0.0, 0, None, "store"
        )
        return read_trace(kept, (n, t), self.h_layout, self.c_layout)

    def stream(self, batch_size: int = 1) -> _core.Stream:
        """Return a stateful stepper: the core's own object, for the shortest step.

        Parameters
        ----------
        batch_size : int, default=1
            Sequences N that are stepped together.

        Returns
        -------
        stream
            ``stream.step(x_t, out=None)`` takes (N, I) and returns (N, H or P) of the
            last layer, into ``out`` where given, without allocating;
            ``stream.reset()`` zeroes the states, ``stream.state`` is (h, c). The
            steps of a sequence equal the whole sequence's y to the bit. It keeps the
            weights of this moment: later ones need a new stream. Large steps that
            follow one another within 0.2 ms are shared by threads; ``stream.path``
            says what the last one ran. Where the steadiest latency counts more than
            the shortest, ``set_num_threads(1)``.

        Raises
        ------
        ValueError
            A bidirectional layer, which would have to know the future.
        """
        if self.bidirectional:
            raise ValueError("a bidirectional LSTM cannot stream: it reads the future")
        return self.compiled.stream(check_int("batch_size", batch_size, 1))

    def _pack(self, name: str, state: State, n: int) -> tuple[Array, Array]:
        h, c = split_pair(name, state)
        return (
            self.h_layout.pack(f"{name}[0]", h, n),
            self.c_layout.pack(f"{name}[1]", c, n),
        )
