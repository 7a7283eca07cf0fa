"""LSTM variants written with torch's own modules, as a torch user would write them.

Design: one module, whose loop over time is Python and whose steps are torch's own
functions. It follows fastlstm in names and gate order only, so it is both a check of
values and gradients and the peer of ``benchmarks/variants.py --torch``. What a careful
user would do for speed is done: the input product of all steps at once, steps that lie
side by side in memory, ``unbind`` (an index a step would cost T gradients of T steps),
``addmm``, ``lerp`` and ``addcmul``, all masks drawn at once.

`FORMS` are the ways to run it, with the same parameters and calls; with torch 2.13 each
works for every variant. ``torch.jit.script``, which torch calls deprecated, spares
Python's part of a step, hardly anything at 32 rows and 128 units. ``torch.compile``
fuses the steps (about a third faster there), but unrolls the loop: a minute of
compiling for 50 steps, again for every other shape.

Shapes: N sequences, T steps, I inputs, H units, P outputs of a projection; R is P with
a projection and H without; G is 4H (gates i, f, g, o), with coupled gates 3H (i, g, o).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


class TorchVariant(torch.nn.Module):
    """One layer in one direction, batch-first, with arguments of `fastlstm.nn.LSTM`.

    With z = W_ih x_t + W_hh h_{t-1} + b cut into gates, each where its argument is set:

    - ``peephole`` (Gers et al. 2002): z_i += p_i c_{t-1}, z_f += p_f c_{t-1},
      z_o += p_o c_t
    - ``coupled_gates`` (Greff et al. 2017): f = 1 - i
    - ``cell_clip``: c_t = clip(f c_{t-1} + i g)
    - ``projection_size`` (Sak et al. 2014): h_t = W_hr (o tanh(c_t))
    - ``normalization="layer"`` (Ba et al. 2016): z = LN(W_ih x_t; gain_ih)
      + LN(W_hh h_{t-1}; gain_hh) + b over all gates jointly,
      h_t = o tanh(LN(c_t; gain_c, bias_c))
    - ``normalization="batch"`` (Cooijmans et al. 2017): the same with BN_t, statistics
      of each step over the batch; running averages of each of ``max_steps`` steps.
      Both with torch's epsilon 1e-5, these averages with its momentum 0.1
    - ``zoneout_h``, ``zoneout_c`` (Krueger et al. 2017): with ~c and ~h the new cell
      and output above, c_t = d c_{t-1} + (1 - d) ~c, h_t = d h_{t-1} + (1 - d) ~h,
      where ~h sees ~c; d is Bernoulli(p), in evaluation p
    - ``recurrent_dropout``, on the "candidate" (Semeniuta et al. 2016): i * drop(g), a
      mask a step; or "hidden" (Gal & Ghahramani 2016): W_hh drop(h), a mask a sequence
    - ``variational_dropout``: of x and of y, a mask a sequence
    - ``weight_dropout`` (Merity et al. 2018): of W_hh, a mask a call

    Parameters are weight_ih (G, I), weight_hh (G, R), bias (G,), weight_hr (P, H),
    weight_ch (3H,) of i, f, o (coupled: (2H,) of i, o), gain_ih (G,), gain_hh (G,),
    gain_c (H,), bias_c (H,).
    """

    __constants__ = (
        "batch_norm",
        "cell_clip",
        "coupled_gates",
        "layer_norm",
        "max_steps",
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        projection_size: int = 0,
        bias: bool = True,
        peephole: bool = False,
        coupled_gates: bool = False,
        gate_activation: str = "sigmoid",
        cell_activation: str = "tanh",
        cell_clip: float | None = None,
        normalization: str | None = None,
        max_steps: int = 100,
        recurrent_dropout: float = 0.0,
        recurrent_dropout_kind: str = "candidate",
        variational_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        gates, outputs = (3 if coupled_gates else 4) * hidden_size, hidden_size
        shapes = {"weight_ih": (gates, input_size)}
        shapes["weight_hh"] = (gates, projection_size or hidden_size)
        if bias:
            shapes["bias"] = (gates,)
        if peephole:
            shapes["weight_ch"] = (gates - hidden_size,)
        if projection_size:
            shapes["weight_hr"] = (projection_size, hidden_size)
            outputs = projection_size
        self.sizes = (gates, hidden_size, outputs)
        self.input_size = input_size
        self.coupled_gates = coupled_gates
        self.gate_activation = gate_activation
        self.cell_activation = cell_activation
        self.cell_clip = math.inf if cell_clip is None else cell_clip
        self.layer_norm = normalization == "layer"
        self.batch_norm = normalization == "batch"
        self.max_steps = max_steps
        self.probabilities = {
            "input": variational_dropout,
            "output": variational_dropout,
            "weight": weight_dropout,
            recurrent_dropout_kind: recurrent_dropout,
            "zoneout_h": zoneout_h,
            "zoneout_c": zoneout_c,
        }
        for name in ("bias", "weight_ch", "weight_hr"):
            self.register_parameter(name, None)
        for name, shape in shapes.items():
            weight = torch.empty(shape, dtype=dtype)
            torch.nn.init.uniform_(weight, -(hidden_size**-0.5), hidden_size**-0.5)
            setattr(self, name, torch.nn.Parameter(weight))
        if normalization is not None:
            self._add_norms(0.1 if self.batch_norm else 1.0, dtype, bias)

    def _add_norms(self, gain: float, dtype: torch.dtype, bias: bool) -> None:
        """Gains, the cell's shift and, for batch normalisation, running averages."""
        gates, hidden, _ = self.sizes
        for name, size in (("ih", gates), ("hh", gates), ("c", hidden)):
            weight = torch.nn.Parameter(torch.full((size,), gain, dtype=dtype))
            setattr(self, f"gain_{name}", weight)
            if self.batch_norm:
                zeros = torch.zeros(self.max_steps, size, dtype=dtype)
                self.register_buffer(f"running_mean_{name}", zeros)
                self.register_buffer(f"running_var_{name}", zeros + 1.0)
        zeros = torch.zeros(hidden, dtype=dtype)
        if bias:
            self.bias_c = torch.nn.Parameter(zeros)
        else:
            self.register_buffer("bias_c", zeros)

    def mask_shapes(self, n: int, t: int) -> dict[str, list[int]]:
        """Names and shapes of the masks of a call in training.

        "input" (N, I), "output" and "hidden" (N, R), "candidate" (N, T, H), "zoneout_h"
        (N, T, R), "zoneout_c" (N, T, H), "weight" (G, R).
        """
        gates, hidden, outputs = self.sizes
        shapes = {
            "input": [n, self.input_size],
            "output": [n, outputs],
            "hidden": [n, outputs],
            "weight": [gates, outputs],
            "candidate": [n, t, hidden],
            "zoneout_h": [n, t, outputs],
            "zoneout_c": [n, t, hidden],
        }
        used: dict[str, list[int]] = {}
        for name, probability in self.probabilities.items():
            if probability > 0.0:
                used[name] = shapes[name]
        return used

    def draw_masks(self, x: Tensor) -> dict[str, Tensor]:
        """Zoneout: 1 where the old value stays; the others: 0 or 1 / (1 - p).

        In evaluation zoneout's expectation, and none of the others.
        """
        masks: dict[str, Tensor] = {}
        for name, shape in self.mask_shapes(x.shape[0], x.shape[1]).items():
            p = self.probabilities[name]
            zoneout = name.startswith("zoneout")
            if not self.training:
                if zoneout:
                    masks[name] = torch.full(shape, p, dtype=x.dtype)
                continue
            kept = p if zoneout else 1.0 - p
            steps = len(shape) == 3  # steps first in memory: each is read by itself
            size = [shape[1], shape[0], shape[2]] if steps else shape
            mask = torch.empty(size, dtype=x.dtype).bernoulli_(kept)
            if not zoneout:
                mask = mask.div_(kept)
            masks[name] = mask.transpose(0, 1) if steps else mask
        return masks

    def input_sums(self, x: Tensor) -> Tensor:
        """W_ih x + b of all steps, normalised where h's part is: (T, N, G)."""
        if self.batch_norm:  # each step and sum is a channel of its own
            n, t = x.shape[0], x.shape[1]
            sums = F.batch_norm(
                F.linear(x, self.weight_ih).view(n, -1),
                self.running_mean_ih[:t].view(-1),
                self.running_var_ih[:t].view(-1),
                training=self.training,
            )
            sums = sums.view(n, t, -1) * self.gain_ih
            bias = self.bias
            return (sums if bias is None else sums + bias).transpose(0, 1)
        x = x.transpose(0, 1).contiguous()
        if self.layer_norm:
            sums = F.linear(x, self.weight_ih)
            return F.layer_norm(sums, sums.shape[2:], self.gain_ih, self.bias)
        return F.linear(x, self.weight_ih, self.bias)

    def sums(self, zx: Tensor, h: Tensor, weight_hh: Tensor, t: int) -> Tensor:
        """All of z for a step: (N, G)."""
        if self.layer_norm:
            zh = torch.mm(h, weight_hh)
            return zx + F.layer_norm(zh, zh.shape[1:], self.gain_hh)
        if self.batch_norm:
            return zx + F.batch_norm(
                torch.mm(h, weight_hh),
                self.running_mean_hh[t],
                self.running_var_hh[t],
                self.gain_hh,
                training=self.training,
            )
        return torch.addmm(zx, h, weight_hh)

    def normalised_cell(self, c: Tensor, t: int) -> Tensor:
        """What the output's tanh sees of the cell."""
        if self.layer_norm:
            return F.layer_norm(c, c.shape[1:], self.gain_c, self.bias_c)
        if self.batch_norm:
            return F.batch_norm(
                c,
                self.running_mean_c[t],
                self.running_var_c[t],
                self.gain_c,
                self.bias_c,
                training=self.training,
            )
        return c

    def squash(self, z: Tensor) -> Tensor:
        """The activation of i, f and o."""
        return activation(self.gate_activation, z)

    def cell(
        self, z: Tensor, c: Tensor, candidate_mask: Tensor | None, t: int
    ) -> tuple[Tensor, Tensor]:
        """The output before a projection and the new cell, neither zoned out."""
        if self.coupled_gates:
            zi, zg, zo = z.chunk(3, 1)
            zf = zi
        else:
            zi, zf, zg, zo = z.chunk(4, 1)
        p = self.weight_ch
        if p is not None:
            peepholes = p.view(-1, c.shape[1])
            zi = torch.addcmul(zi, peepholes[0], c)
            if not self.coupled_gates:
                zf = torch.addcmul(zf, peepholes[1], c)
        i = self.squash(zi)
        f = 1.0 - i if self.coupled_gates else self.squash(zf)
        g = activation(self.cell_activation, zg)
        if candidate_mask is not None:
            g = g * candidate_mask
        c = f * c + i * g
        if self.cell_clip < math.inf:
            c = c.clamp(-self.cell_clip, self.cell_clip)
        if p is not None:
            zo = torch.addcmul(zo, p.view(-1, c.shape[1])[-1], c)
        seen = activation(self.cell_activation, self.normalised_cell(c, t))
        return self.squash(zo) * seen, c

    def forward(
        self,
        x: Tensor,
        state: tuple[Tensor, Tensor] | None = None,
        masks: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (N, T, I) to y (N, T, R) and the state (1, N, R), (1, N, H).

        ``masks`` as of `mask_shapes` and `draw_masks`, drawn by default.
        """
        n, t_all = x.shape[0], x.shape[1]
        if self.batch_norm and t_all > self.max_steps:
            raise ValueError(f"expected at most {self.max_steps} steps, got {t_all}")
        if masks is None:
            masks = self.draw_masks(x)
        elif sorted(masks.keys()) != sorted(self.mask_shapes(n, t_all).keys()):
            raise ValueError(f"expected the masks of mask_shapes, got {masks.keys()}")
        if state is None:
            h = x.new_zeros(n, self.sizes[2])
            c = x.new_zeros(n, self.sizes[1])
        else:
            h, c = state[0][0], state[1][0]
        if "input" in masks:
            x = x * masks["input"].unsqueeze(1)
        weight_hh = self.weight_hh
        if "weight" in masks:
            weight_hh = weight_hh * masks["weight"]
        weight_hh = weight_hh.t()
        hidden_mask = masks.get("hidden")
        candidate = masks["candidate"].unbind(1) if "candidate" in masks else None
        zoneout_h = masks["zoneout_h"].unbind(1) if "zoneout_h" in masks else None
        zoneout_c = masks["zoneout_c"].unbind(1) if "zoneout_c" in masks else None
        weight_hr = self.weight_hr
        ys: list[Tensor] = []
        for t, zx in enumerate(self.input_sums(x).unbind(0)):
            seen = h if hidden_mask is None else h * hidden_mask
            z = self.sums(zx, seen, weight_hh, t)
            mask = None if candidate is None else candidate[t]
            m, c_new = self.cell(z, c, mask, t)
            h_new = m if weight_hr is None else F.linear(m, weight_hr)
            c = c_new if zoneout_c is None else torch.lerp(c_new, c, zoneout_c[t])
            h = h_new if zoneout_h is None else torch.lerp(h_new, h, zoneout_h[t])
            ys.append(h)
        y = torch.stack(ys, 1)
        if "output" in masks:
            y = y * masks["output"].unsqueeze(1)
        return y, (h.unsqueeze(0), c.unsqueeze(0))


def activation(name: str, z: Tensor) -> Tensor:
    """One of fastlstm's activations by its name."""
    if name == "sigmoid":
        return torch.sigmoid(z)
    if name == "tanh":
        return torch.tanh(z)
    if name == "hard_sigmoid":
        if z.dtype == torch.float64:  # where torch's slope is float32's 1/6
            return (z / 6.0 + 0.5).clamp(0.0, 1.0)
        return F.hardsigmoid(z)
    if name == "relu":
        return torch.relu(z)
    raise ValueError(f"unknown activation: {name}")


def scripted(module: TorchVariant) -> Any:
    """``torch.jit.script``, without its word that it is deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.script", DeprecationWarning)
        return torch.jit.script(module)


def compiled(module: TorchVariant) -> Any:
    """``torch.compile`` for this shape; never silently eager."""
    config = torch._dynamo.config
    # Every module counts as one more compilation of the same method.
    config.recompile_limit = 1000
    config.fail_on_recompile_limit_hit = True
    return torch.compile(module, dynamic=False)


FORMS: dict[str, Callable[[TorchVariant], Any]] = {
    "eager": lambda module: module,
    "script": scripted,
    "compile": compiled,
}
