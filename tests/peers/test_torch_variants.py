"""The peer itself: against its equations, against torch.nn.LSTM, form against form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ..compare import Arrays, assert_all_close, assert_close, assert_same_bits
from ..reference.cell import sigmoid
from ..tolerances import GRADIENT, MASK_RATE, VALUE

torch = pytest.importorskip("torch", reason="torch is not installed")

from .torch_variants import FORMS, TorchVariant  # noqa: E402

# torch says once that its projections do not run on its fast path.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")

N, T, I, H, P = 5, 7, 3, 11, 9  # noqa: E741
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "projection": {"projection_size": P},
    "zoneout": {"zoneout_h": 0.3, "zoneout_c": 0.2},
    "projected-zoneout": {"zoneout_h": 0.3, "zoneout_c": 0.2, "projection_size": P},
    "candidate": {"recurrent_dropout": 0.3},
    "hidden": {"recurrent_dropout": 0.3, "recurrent_dropout_kind": "hidden"},
    "variational": {"variational_dropout": 0.3},
    "weight": {"weight_dropout": 0.3},
    "layer": {"normalization": "layer"},
    "layer-no-bias": {"normalization": "layer", "bias": False},
    "batch": {"normalization": "batch", "max_steps": T + 1},
    "batch-no-bias": {"normalization": "batch", "bias": False},
}


def make_peer(options: dict[str, Any], seed: int) -> TorchVariant:
    torch.manual_seed(seed)
    peer = TorchVariant(I, H, dtype=torch.float64, **options)
    for name, weight in peer.named_parameters():
        if name.startswith(("gain", "bias_c")):  # by itself all the same
            torch.nn.init.uniform_(weight, 0.5, 1.5)
    return peer


def tensor(a: np.ndarray) -> Any:
    return torch.tensor(a, requires_grad=True)


def make_inputs(peer: TorchVariant, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    x, h = rng.standard_normal((N, T, I)), rng.standard_normal((1, N, peer.sizes[2]))
    c = rng.standard_normal((1, N, H))
    masks = {
        name: torch.tensor((rng.random(shape) < 0.7) / 0.7)
        for name, shape in peer.mask_shapes(N, T).items()
    }
    return tensor(x), (tensor(h), tensor(c)), masks


def run(module: Any, x: Any, state: Any, masks: Any, seed: int) -> Arrays:
    """Values, and gradients for random upstream ones."""
    weights = dict(module.named_parameters())
    leaves = {"dx": x, "dh0": state[0], "dc0": state[1], **weights}
    for leaf in leaves.values():
        leaf.grad = None
    y, (h, c) = module(x, state, masks)
    torch.manual_seed(seed)
    sum((v * torch.randn(v.shape, dtype=v.dtype)).sum() for v in (y, h, c)).backward()
    out = {"y": y, "hn0": h, "cn0": c, **{k: v.grad for k, v in leaves.items()}}
    return {name: value.detach().numpy() for name, value in out.items()}


def equations(peer: TorchVariant, x: Any, state: Any, given: Any) -> Arrays:
    """The docstring's equations in NumPy, one a line, in training."""
    w = {name: p.detach().numpy() for name, p in peer.named_parameters()}
    x, h, c = (a.detach().numpy() for a in (x, state[0][0], state[1][0]))
    m = {name: mask.numpy() for name, mask in given.items()}
    axis = 1 if peer.layer_norm else 0

    def norm(z: np.ndarray, name: str) -> np.ndarray:
        if not (peer.layer_norm or peer.batch_norm):
            return z
        spread = np.sqrt(z.var(axis=axis, keepdims=True) + 1e-5)
        return w[f"gain_{name}"] * (z - z.mean(axis=axis, keepdims=True)) / spread

    ys = []
    for t in range(T):
        zx = x[:, t] * m.get("input", 1.0) @ w["weight_ih"].T
        zh = h * m.get("hidden", 1.0) @ (w["weight_hh"] * m.get("weight", 1.0)).T
        z = norm(zx, "ih") + norm(zh, "hh") + w.get("bias", 0.0)
        zi, zf, zg, zo = np.split(z, 4, axis=1)
        drop = m["candidate"][:, t] if "candidate" in m else 1.0
        c_new = sigmoid(zf) * c + sigmoid(zi) * drop * np.tanh(zg)
        h_new = sigmoid(zo) * np.tanh(norm(c_new, "c") + w.get("bias_c", 0.0))
        h_new = h_new @ w["weight_hr"].T if "weight_hr" in w else h_new
        dh = m["zoneout_h"][:, t] if "zoneout_h" in m else 0.0
        dc = m["zoneout_c"][:, t] if "zoneout_c" in m else 0.0
        h = dh * h + (1.0 - dh) * h_new
        c = dc * c + (1.0 - dc) * c_new
        ys.append(h * m.get("output", 1.0))
    return {"y": np.stack(ys, axis=1), "hn0": h[None], "cn0": c[None]}


@pytest.mark.parametrize("name", OPTIONS)
def test_equations(name: str, rng: np.random.Generator) -> None:
    peer = make_peer(OPTIONS[name], 1)
    inputs = make_inputs(peer, rng)
    expected = equations(peer, *inputs)
    actual = {k: v for k, v in run(peer, *inputs, seed=2).items() if k in expected}
    assert_all_close(actual, expected, VALUE["float64"], GRADIENT["float64"])


@pytest.mark.parametrize("name", OPTIONS)
def test_script(name: str, rng: np.random.Generator) -> None:
    peer = make_peer(OPTIONS[name], 1)
    inputs = make_inputs(peer, rng)
    scripted = FORMS["script"](peer)
    expected = run(FORMS["eager"](peer), *inputs, seed=2)
    for _ in range(3):  # it measures itself before it optimises
        actual = run(scripted, *inputs, seed=2)
        assert_all_close(actual, expected, VALUE["float64"], GRADIENT["float64"])


@pytest.mark.parametrize("projection", [0, P])
def test_plain_is_torch(projection: int, rng: np.random.Generator) -> None:
    peer = make_peer({"projection_size": projection}, 1)
    layer = torch.nn.LSTM(
        I, H, batch_first=True, proj_size=projection, dtype=torch.float64
    )
    weights = {f"{k}_l0": v for k, v in peer.state_dict().items()}
    weights["bias_ih_l0"] = weights.pop("bias_l0")
    weights["bias_hh_l0"] = torch.zeros_like(weights["bias_ih_l0"])
    layer.load_state_dict(weights)

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Any, state: Any, masks: Any) -> Any:
            return self.layer(x, state)

    x, state, _ = make_inputs(peer, rng)
    actual = run(peer, x, state, {}, seed=2)
    expected = run(Layer(), x, state, {}, seed=2)
    del expected["layer.bias_hh_l0"]
    names = {"layer.bias_ih_l0": "bias"}
    expected = {
        names.get(k, k.removeprefix("layer.").removesuffix("_l0")): v
        for k, v in expected.items()
    }
    assert_all_close(actual, expected, VALUE["float64"], GRADIENT["float64"])


def test_running_averages(rng: np.random.Generator) -> None:
    """Of each step, as torch.nn.BatchNorm1d's; used in evaluation."""
    peer = make_peer(OPTIONS["batch"], 1)
    x, state, _ = make_inputs(peer, rng)
    norms = [torch.nn.BatchNorm1d(4 * H, dtype=torch.float64) for _ in range(T)]
    for _ in range(2):
        peer(x, state)
        sums = x @ peer.weight_ih.T
        for t, norm in enumerate(norms):
            norm(sums[:, t])
    for t, norm in enumerate(norms):
        for name in ("mean", "var"):
            actual = getattr(peer, f"running_{name}_ih")[t].numpy()
            expected = getattr(norm, f"running_{name}").numpy()
            assert_close(actual, expected, VALUE["float64"], f"{name} {t}")
    for part in ("ih", "hh", "c"):  # a step beyond keeps what it began with
        mean = getattr(peer, f"running_mean_{part}").numpy()
        assert mean[:T].all()
        assert not mean[T:].any()
    peer.eval()
    alone = peer(x[:1], tuple(s[:, :1] for s in state))[0].detach().numpy()
    batch = peer(x, state)[0].detach().numpy()
    assert_close(alone, batch[:1], VALUE["float64"])


def test_drawn_masks() -> None:
    options = {**OPTIONS["zoneout"], **OPTIONS["variational"], **OPTIONS["weight"]}
    peer = make_peer({**options, **OPTIONS["hidden"]}, 1)
    x = torch.zeros(30, 40, I, dtype=torch.float64)
    masks = peer.draw_masks(x)
    assert {k: list(m.shape) for k, m in masks.items()} == peer.mask_shapes(30, 40)
    for name, mask in masks.items():
        p = peer.probabilities[name]
        one = 1.0 if name.startswith("zoneout") else 1.0 / (1.0 - p)
        assert set(mask.unique().tolist()) == {0.0, one}, name
        rate = p if name.startswith("zoneout") else 1.0 - p
        deviation = (mask > 0).double().mean().item() - rate
        deviation /= np.sqrt(p * (1.0 - p) / mask.numel())
        assert abs(deviation) < MASK_RATE.limit, name
    steps = masks["zoneout_h"]
    assert (steps[:, 1:] != steps[:, :-1]).any(), "another mask each step"
    expected = {"zoneout_h": {0.3}, "zoneout_c": {0.2}}
    masks = peer.eval().draw_masks(x)
    assert {name: set(m.unique().tolist()) for name, m in masks.items()} == expected


def test_the_same_draws_by_default(rng: np.random.Generator) -> None:
    peer = make_peer(OPTIONS["candidate"], 1)
    x, state, _ = make_inputs(peer, rng)
    torch.manual_seed(3)
    drawn = peer(x, state)[0].detach().numpy()
    torch.manual_seed(3)
    given = peer(x, state, peer.draw_masks(x))[0].detach().numpy()
    assert_same_bits({"y": drawn}, {"y": given})


def test_refuses(rng: np.random.Generator) -> None:
    peer = make_peer(OPTIONS["batch"], 1)
    with pytest.raises(ValueError, match=f"at most {T + 1} steps, got {T + 2}"):
        peer(torch.zeros(N, T + 2, I, dtype=torch.float64))
    x, state, masks = make_inputs(peer, rng)
    with pytest.raises(ValueError, match="expected the masks of mask_shapes"):
        peer(x, state, {**masks, "zoneout": x})
    with pytest.raises(ValueError, match="unknown activation: swish"):
        make_peer({"gate_activation": "swish"}, 1)(x)
