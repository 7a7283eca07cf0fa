"""Parity with torch: nn.LSTM, nn.LSTM that begins at its states, nn.Linear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch, SequencePair
from fastlstm.models import EncoderDecoder

from ..cases import DTYPES
from ..compare import assert_all_close
from ..tolerances import PAIR_GRADIENT, PAIR_VALUE

torch = pytest.importorskip("torch", reason="torch is not installed")

# torch says once that its projections do not run on its fast path.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")

N, S, T, F, D, K, H = 5, 9, 7, 3, 11, 4, 17
SOURCES, TARGETS = np.array([6, 2, 9, 1, 7]), np.array([3, 7, 1, 6, 5])
STACKS: dict[str, dict[str, Any]] = {
    "1": {},
    "3": {"num_layers": 3},
    "projected": {"num_layers": 2, "projection_size": 5},
}


@pytest.fixture(scope="module", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Two spinning pools slow each other down; where both use one OpenMP, both obey."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def peer_layer(model: EncoderDecoder, part: str, size: int) -> Any:
    """torch's layer with the same weights; its second bias is zero and stays so."""
    layer = torch.nn.LSTM(
        size,
        H,
        model.config["num_layers"],
        batch_first=True,
        proj_size=model.config["projection_size"],
        dtype=getattr(torch, model.dtype.name),
    )
    for name, parameter in layer.named_parameters():
        ours = model.params.get(f"{part}.{name.replace('bias_ih', 'bias')}")
        data = torch.zeros(parameter.shape) if ours is None else torch.tensor(ours)
        parameter.data.copy_(data)
    return layer


def packed(x: np.ndarray, lengths: np.ndarray | None) -> Any:
    tensor = torch.tensor(x)
    if lengths is None:
        return tensor
    return torch.nn.utils.rnn.pack_padded_sequence(
        tensor, lengths, batch_first=True, enforce_sorted=False
    )


def run_torch(
    model: EncoderDecoder, pair: SequencePair, upstream: np.ndarray
) -> dict[str, np.ndarray]:
    encoder, decoder = peer_layer(model, "encoder", F), peer_layer(model, "decoder", D)
    head = torch.nn.Linear(decoder.proj_size or H, K, dtype=encoder.weight_ih_l0.dtype)
    for name, parameter in head.named_parameters():
        parameter.data.copy_(torch.tensor(model.params[f"head.{name}"]))
    _, state = encoder(packed(pair.source.x, pair.source.lengths))
    y, _ = decoder(packed(pair.target.x, pair.target.lengths), state)
    if pair.target.lengths is not None:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(
            y, batch_first=True, total_length=T
        )
    outputs = head(y) * torch.tensor(pair.target.mask[:, :, None])
    (outputs * torch.tensor(upstream)).sum().backward()
    parts = {"encoder": encoder, "decoder": decoder, "head": head}
    gradients = {
        f"{part}.{name.replace('bias_ih', 'bias')}": parameter.grad.numpy()
        for part, module in parts.items()
        for name, parameter in module.named_parameters()
        if not name.startswith("bias_hh")
    }
    return {"y": outputs.detach().numpy(), **gradients}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("stack", STACKS)
def test_parity(rng: np.random.Generator, stack: str, ragged: bool, dtype: str) -> None:
    model = EncoderDecoder(
        F, D, K, hidden_size=H, dtype=dtype, random_state=0, **STACKS[stack]
    )
    with model.params.writable() as values:
        for name in values:
            if "bias" in name:  # by themselves zero and one
                values[name][:] = rng.standard_normal(values[name].shape)
    pair = SequencePair(
        SequenceBatch(
            rng.standard_normal((N, S, F)).astype(dtype), SOURCES if ragged else None
        ),
        SequenceBatch(
            rng.standard_normal((N, T, D)).astype(dtype), TARGETS if ragged else None
        ),
    )
    upstream = rng.standard_normal((N, T, K)).astype(dtype)
    upstream[~pair.target.mask] = 0.0
    outputs, cache = model.forward(pair, mask_seed=0, row_ids=np.arange(N))
    model.backward(upstream, cache)
    actual = {"y": outputs, **dict(model.grads.items())}
    expected = run_torch(model, pair, upstream)
    assert_all_close(actual, expected, PAIR_VALUE[dtype], PAIR_GRADIENT[dtype])
