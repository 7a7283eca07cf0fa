"""One problem, run by fastlstm, by the reference and by torch, as named arrays.

Every run returns the same names: ``y``, ``hn0``, ``hn1``, ... and ``cn0``, ... (one
block a layer and direction), and after a backward pass ``dx``, ``dh0``, ``dc0``, ...
(``dh0`` is the gradient of block 0's initial state) and each parameter's gradient by
the parameter's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .cases import CellCase, Shape, Stack
from .reference import cell as reference_cell
from .reference import lstm as reference_lstm

Arrays = dict[str, np.ndarray]
Blocks = list[np.ndarray]


@dataclass(frozen=True)
class Problem:
    """Parameters, inputs and upstream gradients; float64 arrays, exact in the dtype."""

    params: Arrays
    x: np.ndarray
    dy: np.ndarray
    dhn: Blocks
    dcn: Blocks
    h0: Blocks | None = None
    c0: Blocks | None = None
    lengths: np.ndarray | None = None

    def arrays(self) -> Arrays:
        """All that has a gradient, under that gradient's name."""
        out = {"dx": self.x, **self.params}
        for name, blocks in (("dh", self.h0), ("dc", self.c0)):
            out |= {f"{name}{k}": b for k, b in enumerate(blocks or [])}
        return out

    def with_arrays(self, arrays: Mapping[str, np.ndarray]) -> Problem:
        """The inverse of `arrays`."""
        blocks = range(len(self.h0 or []))
        return replace(
            self,
            params={name: arrays[name] for name in self.params},
            x=arrays["dx"],
            h0=[arrays[f"dh{k}"] for k in blocks] if self.h0 else None,
            c0=[arrays[f"dc{k}"] for k in blocks] if self.c0 else None,
        )

    def take(self, rows: Any, steps: int | None = None) -> Problem:
        """Some of the sequences, in the order of ``rows``, cut to ``steps``."""

        def some(blocks: Blocks | None) -> Blocks | None:
            return None if blocks is None else [b[rows] for b in blocks]

        return replace(
            self,
            x=self.x[rows, :steps],
            dy=self.dy[rows, :steps],
            dhn=some(self.dhn),
            dcn=some(self.dcn),
            h0=some(self.h0),
            c0=some(self.c0),
            lengths=None if self.lengths is None else self.lengths[rows],
        )

    def padded(self, steps: int, value: float) -> Problem:
        """``steps`` more steps at the end, and ``value`` in all the padding."""
        N, T = self.x.shape[:2]
        lengths = np.full(N, T) if self.lengths is None else self.lengths
        padding = np.arange(T + steps) >= lengths[:, None]

        def pad(a: np.ndarray) -> np.ndarray:
            wider = np.pad(a, [(0, 0), (0, steps), (0, 0)])
            return np.where(padding[:, :, None], value, wider)

        return replace(self, x=pad(self.x), dy=pad(self.dy), lengths=lengths)

    def loss(self, values: Mapping[str, np.ndarray]) -> float:
        """The scalar whose gradients `dy`, `dhn` and `dcn` are."""
        pairs = [(self.dy, values["y"])]
        for name, upstream in (("hn", self.dhn), ("cn", self.dcn)):
            pairs += [(d, values[f"{name}{k}"]) for k, d in enumerate(upstream)]
        return float(sum(np.sum(d * np.asarray(v, np.float64)) for d, v in pairs))


def parameter_shapes(
    shape: Shape, stack: Stack, cell: CellCase
) -> dict[str, tuple[int, ...]]:
    """Names and shapes as fastlstm promises them, in the order of its buffer."""
    directions = ["", "_reverse"] if stack.bidirectional else [""]
    shapes: dict[str, tuple[int, ...]] = {}
    width = shape.I
    for k, H in enumerate(stack.hidden_sizes(shape.H)):
        R = shape.P if cell.projection else H
        for d in directions:
            rows = cell.reference.gates * H
            own = {"weight_ih": (rows, width), "weight_hh": (rows, R)}
            own |= cell.weights(H)
            own |= {"weight_hr": (R, H)} if cell.projection else {}
            shapes |= {f"{name}_l{k}{d}": s for name, s in own.items()}
        width = R * len(directions)
    return shapes


def make_problem(
    rng: np.random.Generator,
    shape: Shape,
    stack: Stack,
    cell: CellCase,
    *,
    ragged: bool = True,
    state: bool = True,
    dtype: str = "float64",
) -> Problem:
    """A random problem; weights uniform within 1 / sqrt(H), torch's default scale."""
    N, T = shape.N, shape.T
    D = 2 if stack.bidirectional else 1
    hidden = [H for H in stack.hidden_sizes(shape.H) for _ in range(D)]
    outputs = [shape.P if cell.projection else H for H in hidden]

    def normal(*size: int) -> np.ndarray:
        return rng.standard_normal(size).astype(dtype).astype(np.float64)

    params = {
        name: rng.uniform(-1.0, 1.0, s).astype(dtype).astype(np.float64)
        * 2.0 ** np.floor(-0.5 * np.log2(shape.H))
        for name, s in parameter_shapes(shape, stack, cell).items()
    }
    lengths = rng.permutation(np.linspace(1, T, N).astype(np.int64)) if ragged else None
    return Problem(
        params=params,
        x=normal(N, T, shape.I),
        dy=normal(N, T, D * outputs[-1]),
        dhn=[normal(N, R) for R in outputs],
        dcn=[normal(N, H) for H in hidden],
        h0=[0.5 * normal(N, R) for R in outputs] if state else None,
        c0=[normal(N, H) for H in hidden] if state else None,
        lengths=lengths,
    )


def named(prefix: str, blocks: Sequence[np.ndarray]) -> Arrays:
    """``{prefix0: block, prefix1: block, ...}``."""
    return {f"{prefix}{k}": block for k, block in enumerate(blocks)}


def run_reference(
    problem: Problem,
    cell: reference_cell.Cell = reference_cell.PLAIN,
    *,
    masks: reference_lstm.Masks | None = None,
    lstm: Any = reference_lstm,
    backward: bool = True,
) -> Arrays:
    """The definition, forward and backward."""
    state = None if problem.h0 is None else (problem.h0, problem.c0)
    y, hn, cn, cache = lstm.forward(
        problem.params, problem.x, state, problem.lengths, masks, cell
    )
    out = {"y": y, **named("hn", hn), **named("cn", cn)}
    if backward:
        dstate = (problem.dhn, problem.dcn)
        dx, dh0, dc0, grads = lstm.backward(cache, problem.dy, dstate)
        out |= {"dx": dx, **named("dh", dh0), **named("dc", dc0), **grads}
    return out


def make_layer(
    shape: Shape, stack: Stack, cell: CellCase, dtype: str, **options: Any
) -> Any:
    """A `fastlstm.nn.LSTM` for the case."""
    from fastlstm.nn import LSTM

    sizes = stack.hidden_sizes(shape.H)
    return LSTM(
        shape.I,
        sizes if len(set(sizes)) > 1 else sizes[0],
        len(sizes),
        bidirectional=stack.bidirectional,
        projection_size=shape.P if cell.projection else 0,
        dtype=dtype,
        random_state=0,
        **cell.options,
        **options,
    )


def pack(layer: Any, blocks: Blocks | None, dtype: str) -> Any:
    """Blocks as the layer wants a state: (L D, N, R), or a list of (D, N, R_l)."""
    if blocks is None:
        return None
    arrays = [np.asarray(b, dtype) for b in blocks]
    if len(set(layer.hidden_sizes)) == 1:
        return np.stack(arrays)
    D = 2 if layer.bidirectional else 1
    return [np.stack(arrays[k : k + D]) for k in range(0, len(arrays), D)]


def unpack(state: Any) -> Blocks:
    """The inverse of `pack`."""
    if isinstance(state, np.ndarray):
        return list(state)
    return [block for layer in state for block in layer]


def run_layer(
    layer: Any,
    problem: Problem,
    *,
    backward: bool = True,
    load: bool = True,
    **forward_options: Any,
) -> Arrays:
    """fastlstm: training forward and backward, or inference alone."""
    dtype = str(layer.dtype)
    if load:
        layer.load_state_dict({k: v.astype(dtype) for k, v in problem.params.items()})
    x = problem.x.astype(dtype)
    state = None
    if problem.h0 is not None:
        state = (pack(layer, problem.h0, dtype), pack(layer, problem.c0, dtype))
    if not backward:
        y, (hn, cn) = layer(x, state, problem.lengths)
        return {"y": y, **named("hn", unpack(hn)), **named("cn", unpack(cn))}
    y, (hn, cn), cache = layer.forward(x, state, problem.lengths, **forward_options)
    out = {"y": y, **named("hn", unpack(hn)), **named("cn", unpack(cn))}
    grads = layer.params.new_grads()
    dstate = (pack(layer, problem.dhn, dtype), pack(layer, problem.dcn, dtype))
    dx, (dh0, dc0) = layer.backward(
        problem.dy.astype(dtype), cache, dstate=dstate, grads=grads
    )
    out |= {"dx": dx, **named("dh", unpack(dh0)), **named("dc", unpack(dc0))}
    return out | {name: np.array(value) for name, value in grads.items()}
