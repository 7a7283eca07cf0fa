"""jax.lax.scan under jit on the CPU."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..machine import keep_to_cpus
from ..problem import Problem
from .base import Call, Contestant


class Jax(Contestant):
    """The input's product is in the scan, or before it for all steps at once."""

    name = "jax"
    requires = ("jax",)
    time_major = True

    def __init__(self, threads: int, dtype: str) -> None:
        keep_to_cpus(threads)  # XLA has a thread for every CPU that it may use
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", dtype == "float64")
        self.jax = jax
        self.version = jax.__version__
        scans = {"scan": False, "product then scan": True}

        def each(maker: Any) -> dict[str, Any]:
            return {way: partial(maker, merged) for way, merged in scans.items()}

        self.ways = {
            "infer": each(self._infer),
            "train": each(self._train),
            "ragged": each(self._train),
            "stream": {"jit": self._step},
        }

    def _infer(self, merged: bool, problem: Problem) -> Call:
        jax = self.jax
        weights, x = self._weights(problem), _time_major(jax, problem.x)
        run = jax.jit(partial(self._lstm, merged=merged))
        return lambda: jax.block_until_ready(run(weights, x))

    def _train(self, merged: bool, problem: Problem) -> Call:
        jax = self.jax
        weights, x = self._weights(problem), _time_major(jax, problem.x)
        dy = _time_major(jax, problem.dy)
        ragged = problem.job.mode == "ragged"
        lengths = jax.numpy.asarray(problem.lengths) if ragged else None

        @jax.jit  # type: ignore[untyped-decorator]
        def gradients(weights: Any, x: Any, dy: Any) -> Any:
            def outputs(weights: Any, x: Any) -> Any:
                return self._lstm(weights, x, lengths, merged=merged)[0]

            _, backward = jax.vjp(outputs, weights, x)
            dweights, dx = backward(dy)
            return dx, *dweights

        return lambda: jax.block_until_ready(gradients(weights, x, dy))

    def _step(self, problem: Problem) -> Call:
        jax = self.jax
        batch, _, _, hidden = problem.job.shape
        weights, x = self._weights(problem), jax.numpy.asarray(problem.x[:, 0])
        state = (jax.numpy.zeros((batch, hidden), problem.dtype),) * 2

        @jax.jit  # type: ignore[untyped-decorator]
        def run(weights: Any, x: Any, h: Any, c: Any) -> Any:
            weight_ih, weight_hh, bias = weights
            return self._cell(x @ weight_ih.T + bias + h @ weight_hh.T, c)

        def step() -> object:
            nonlocal state
            state = jax.block_until_ready(run(weights, x, *state))
            return state[0]

        return step

    def _lstm(
        self, weights: Any, x: Any, lengths: Any = None, *, merged: bool
    ) -> tuple[Any, Any, Any]:
        """Return y, h and c for x (T, N, I); beyond lengths the state stands still."""
        numpy = self.jax.numpy
        weight_ih, weight_hh, bias = weights
        steps, batch, _ = x.shape

        def project(x: Any) -> Any:
            return x @ weight_ih.T + bias

        def step(state: Any, now: Any) -> Any:
            x, t = now
            z = (x if merged else project(x)) + state[0] @ weight_hh.T
            new = self._cell(z, state[1])
            if lengths is not None:
                alive = (t < lengths)[:, None]
                new = tuple(map(partial(numpy.where, alive), new, state))
            return new, new[0]

        zeros = numpy.zeros((batch, weight_hh.shape[1]), x.dtype)
        (h, c), y = self.jax.lax.scan(
            step, (zeros, zeros), (project(x) if merged else x, numpy.arange(steps))
        )
        return y, h, c

    def _cell(self, z: Any, c: Any) -> tuple[Any, Any]:
        """Return the new h and c from the gates before their activations."""
        sigmoid, tanh = self.jax.nn.sigmoid, self.jax.numpy.tanh
        i, f, g, o = self.jax.numpy.split(z, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c

    def _weights(self, problem: Problem) -> tuple[Any, ...]:
        weights = (problem.weight_ih, problem.weight_hh, problem.bias)
        return tuple(map(self.jax.numpy.asarray, weights))


def _time_major(jax: Any, x: Any) -> Any:
    return jax.numpy.asarray(np.ascontiguousarray(x.swapaxes(0, 1)))
