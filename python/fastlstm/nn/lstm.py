"""The LSTM layer: any number of layers, both directions, projection, ragged batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from .. import _core
from .._validate import Array, as_floats, check_int, check_row_ids
from ..params import Gradients
from .base import Cache, check_like, flat_grads, resolve_seed
from .lstm_inputs import split_pair
from .lstm_setup import LSTMSetup
from .trace import GateTrace, read_trace

if TYPE_CHECKING:
    # Core cache, x, y and lengths: y is what the core reads hidden states from.
    LSTMCache: TypeAlias = Cache[tuple[_core.Cache, Array, Array]]

# Arrays, or lists of arrays where the hidden sizes differ: a union would only make
# every caller narrow what it knows.
State: TypeAlias = tuple[Any, Any]


class LSTM(LSTMSetup):
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
    peephole : bool, default=False
        Gates also see the cell of their own unit (Gers et al. 2002): i and f the one
        before, o the new one; adds ``weight_ch``.
    coupled_gates : bool, default=False
        f = 1 - i, without weights of its own (Greff et al. 2017, CIFG).
    gate_activation, cell_activation : {"sigmoid", "hard_sigmoid", "tanh", "relu"}
        Of i, f and o ("sigmoid"), and of g and of c on its way to h ("tanh").
        "hard_sigmoid" is min(max(x / 6 + 1/2, 0), 1), as in torch and Keras 3. With
        "relu" cells can grow without bound: a ``cell_clip`` keeps them finite.
    cell_clip : float, optional
        Keep every |c| at most this; no gradient passes a cell at its limit.
    normalization : {"layer", "batch"}, optional
        Normalise the sums of x and of h, and the cell on its way to h::

            z = gain_ih * N(W_ih x_t) + gain_hh * N(W_hh h_{t-1}) + bias
            h_t = o * tanh(gain_c * N(c_t) + bias_c)

        "layer": over the units of all gates of a step, those of c over its units (Ba
        et al. 2016, equations 20 to 22). "batch": each unit over the rows of a step,
        in training; else with running averages of these statistics, which
        :meth:`forward` brings up to date (Cooijmans et al. 2017, equations 6 to 8). In
        training results then depend on the batch, and where one sequence is left at a
        step its values are their own mean: h there is that of ``bias_c`` alone.
        N(v) = (v - mean) / sqrt(variance + 1e-5). Gains start at 1, with "batch" at
        0.1. Over few features "layer" loses their scale: add a constant feature, or
        use "batch". Before any training the running averages are 0 and 1.
    normalization_steps : int, default=100
        With "batch", steps from the first that have running averages of their own;
        later ones use the last one's.
    normalization_momentum : float, default=0.1
        Share of a new batch in the running averages.
    initializer : str or mapping of str to str, default="glorot_orthogonal"
        "glorot_orthogonal" as Keras, "uniform" as torch; or one name for each gate,
        "glorot_orthogonal", "glorot", "orthogonal" or "uniform", whose blocks are then
        drawn alone: ``dict.fromkeys("ifgo", "orthogonal")``. See
        :func:`fastlstm.nn.initializers.initialize_lstm`.
    forget_bias : float, default=1.0
        Added to the forget gate's bias at the start, with either initializer (torch:
        0); with coupled gates taken from the input gate's. Without ``bias`` there is
        nothing to add it to.
    chrono_steps : int, optional
        The longest lag in steps that the layer should learn, at least 3: the biases of
        i and f are drawn for it instead (Tallec & Ollivier 2018), and ``forget_bias``
        is not used.
    dropout : float, default=0.0
        Probability in [0, 1) with which :meth:`forward` zeroes an output of a layer on
        its way to the next one, with a new mask at every step; needs two layers. What
        is kept is scaled by 1 / (1 - p), here and below.
    variational_dropout : float, default=0.0
        The same for the inputs of every layer and the outputs y of the last one, with
        one mask a sequence (Gal & Ghahramani 2016). Final states stay unmasked.
    recurrent_dropout : float, default=0.0
        Probability with which :meth:`forward` zeroes what comes back from the step
        before, as ``recurrent_dropout_kind`` says.
    recurrent_dropout_kind : {"candidate", "hidden"}, default="candidate"
        "candidate" zeroes elements of g, with a new mask at every step: the cell
        forgets nothing (Semeniuta et al. 2016, equation 15). "hidden" zeroes elements
        of h_{t-1} on its way to the gates, with one mask a sequence (Gal & Ghahramani
        2016, equation 7).
    weight_dropout : float, default=0.0
        Probability with which a forward drops an element of ``weight_hh``, with one
        mask for the whole call (Merity et al. 2018, AWD-LSTM).
    zoneout_h, zoneout_c : float, default=0.0
        Probability with which a unit of h or c keeps its value of the step before
        (Krueger et al. 2017); inference takes the mean of both values in these shares.
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
        (4H, H or P), ``bias_l{k}`` (4H,) and, projected, ``weight_hr_l{k}`` (P, H),
        with peepholes ``weight_ch_l{k}`` (3H,) of i, f, o; with ``_reverse`` appended
        for the other direction. Gate order i, f, g, o; coupled gates leave f out.
        Normalised: ``gain_ih_l{k}``, ``gain_hh_l{k}`` (4H,), ``gain_c_l{k}``,
        ``bias_c_l{k}`` (H,), and with "batch" the statistics
        ``running_mean_ih_l{k}``, ``running_var_ih_l{k}`` (S, 4H), the same for ``_hh``
        and ``_c`` (S, H), and ``running_steps_l{k}`` (1,), how many were seen.
    cell, normalization, regularizers : tuple
        The arguments above that make this another layer than the plain one, by name:
        ``lstm.cell.peephole``, ``lstm.regularizers.zoneout_h``. Read-only.
    grads : Gradients
        Under the same names; what :meth:`backward` adds into by default.

    Raises
    ------
    ValueError, TypeError
        A size below 1 or not an integer, ``projection_size`` not below every hidden
        size, ``dropout`` with one layer, arguments that exclude one another, or sizes
        that no memory can hold.

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
        with self.reading():
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
        if n == 1 and self.normalization.kind == "batch":
            raise ValueError(
                "normalization='batch' needs at least 2 sequences in training: got x "
                f"of shape {x.shape}; over one row every value is its own mean"
            )
        draws = self.regularizers.active
        needed = draws or mask_seed is not None
        seed = resolve_seed(mask_seed, self._rng) if needed else 0
        y = np.empty((n, t, self._output_size), x.dtype)
        h, hn = self.h_layout.new(n)
        c, cn = self.c_layout.new(n)
        kept = self.compiled.forward(
            x, y, h0, c0, hn, cn, valid, True, seed, ids, self.memory
        )
        self.learn(kept)
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
        with self.reading():
            kept = self.compiled.forward(
                x, y, h0, c0, None, None, valid, False, 0, None, "store"
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
            ``stream.reset()`` zeroes the states and begins a sequence (with batch
            normalisation steps are counted from there), ``stream.state`` is (h, c). The
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
        with self.reading():
            return self.compiled.stream(check_int("batch_size", batch_size, 1))

    def _pack(self, name: str, state: State, n: int) -> tuple[Array, Array]:
        h, c = split_pair(name, state)
        return (
            self.h_layout.pack(f"{name}[0]", h, n),
            self.c_layout.pack(f"{name}[1]", c, n),
        )
