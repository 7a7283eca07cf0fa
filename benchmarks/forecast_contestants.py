"""One LSTM forecaster in fastlstm, darts and neuralforecast.

"direct" is an LSTM over the window and one linear map of its last state to all steps of
the horizon. Both peers map each of the last H states to one step instead, so they get
this head by what they offer for it: darts a module of one's own, neuralforecast a
subclass of its `LSTM`. "recursive" is an LSTM that predicts the next step at every step
and is fed its own predictions: darts' `RNNModel` as it comes. `begin` makes torch's
weights those of fastlstm. A library is imported when its contestant is made, never
before: each is meant to have a process to itself.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from fastlstm.bench.machine import keep_to_cpus
from numpy.typing import NDArray

PREDICT_BATCH = 1024
Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """What all contestants share; the optimizer is Adam, the loss squared error."""

    hidden_size: int = 64
    num_layers: int = 1
    window: int = 96
    horizon: int = 24
    batch_size: int = 64
    learning_rate: float = 3e-3
    epochs: int = 5
    max_grad_norm: float = 1.0
    strategy: str = "direct"


@dataclass(frozen=True)
class Data:
    """Scaled series (T, K) to fit on, and the same ones with the steps to forecast."""

    train: list[Floats32]
    whole: list[Floats32]
    origins: NDArray[np.int64]

    def windows(self, settings: Settings) -> int:
        """How many windows there are to learn from."""
        each = settings.window + settings.horizon - 1
        return sum(len(series) - each for series in self.train)


class Contestant:
    """Fits the forecaster of ``settings`` from another seed each time."""

    requires: ClassVar[tuple[str, ...]] = ()
    version: str

    def __init__(self, data: Data, settings: Settings, threads: int) -> None:
        keep_to_cpus(threads)  # some libraries have no other way to say it
        self.data, self.settings, self.threads = data, settings, threads
        self.start()

    @classmethod
    def missing(cls, settings: Settings, outputs: int) -> str | None:
        """Say why it cannot take part; None if it can."""
        absent = [name for name in cls.requires if find_spec(name) is None]
        return f"pip install {' '.join(absent)}" if absent else None

    def start(self) -> None:
        """Import the library and put the data into its form; not timed."""
        raise NotImplementedError

    def renew(self, seed: int) -> None:
        """Make the next model; not timed."""
        raise NotImplementedError

    def fit(self) -> None:
        raise NotImplementedError

    def forecast(self) -> Floats32:
        """Forecast every series at every origin, (N, M, H, K)."""
        raise NotImplementedError

    def n_weights(self) -> int:
        raise NotImplementedError


class FastLSTM(Contestant):
    def start(self) -> None:
        import fastlstm
        from sklearn.exceptions import ConvergenceWarning

        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are given
        self.version = fastlstm.__version__
        self.make = fastlstm.LSTMForecaster

    def renew(self, seed: int) -> None:
        s = self.settings
        self.model = self.make(
            s.horizon,
            s.window,
            strategy=s.strategy,
            loss="squared_error",
            center="series",
            min_window=s.window,
            hidden_size=s.hidden_size,
            num_layers=s.num_layers,
            batch_size=s.batch_size,
            learning_rate_init=s.learning_rate,
            max_iter=s.epochs,
            max_grad_norm=s.max_grad_norm,
            early_stopping=False,
            tol=0.0,
            n_iter_no_change=s.epochs,
            n_jobs=self.threads,
            random_state=seed,
        )

    def fit(self) -> None:
        self.model.fit(self.data.train)
        assert self.model.n_iter_ == self.settings.epochs

    def forecast(self) -> Floats32:
        panel = self.model._read(self.data.whole)
        origins = [self.data.origins for _ in self.data.whole]
        return np.array(self.model._forecast_at(panel, origins))

    def n_weights(self) -> int:
        return self.model.model_.params.size


def quiet_torch(threads: int) -> Any:
    """Import torch for Lightning, which shall say nothing."""
    import torch

    torch.set_num_threads(threads)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    return torch


TRAINER = {
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
    "logger": False,
}


class Darts(Contestant):
    requires = ("darts", "torch", "pytorch_lightning")

    def start(self) -> None:
        torch = quiet_torch(self.threads)
        import darts
        from darts import models

        self.version = f"{darts.__version__} on torch {torch.__version__}"
        self.series = [darts.TimeSeries.from_values(y) for y in self.data.train]
        self.whole = [darts.TimeSeries.from_values(y) for y in self.data.whole]
        self.models = models
        recursive = self.settings.strategy == "recursive"
        self.module = darts_recursive() if recursive else darts_direct()

    def renew(self, seed: int) -> None:
        s = self.settings
        shared = {
            "model": self.module,
            "input_chunk_length": s.window,
            "hidden_dim": s.hidden_size,
            "n_rnn_layers": s.num_layers,
            "batch_size": s.batch_size,
            "n_epochs": s.epochs,
            "optimizer_kwargs": {"lr": s.learning_rate},
            "random_state": seed,
            "pl_trainer_kwargs": {**TRAINER, "gradient_clip_val": s.max_grad_norm},
        }
        if s.strategy == "recursive":
            length = s.window + s.horizon
            self.model = self.models.RNNModel(training_length=length, **shared)
        else:
            self.model = self.models.BlockRNNModel(
                output_chunk_length=s.horizon, **shared
            )

    def fit(self) -> None:
        self.model.fit(self.series)

    def forecast(self) -> Floats32:
        first, last = (int(self.data.origins[at]) for at in (0, -1))
        horizon = self.settings.horizon
        cut = [series[: last + horizon] for series in self.whole]
        each = self.model.historical_forecasts(
            cut,
            start=first,
            start_format="position",
            forecast_horizon=horizon,
            stride=int(np.diff(self.data.origins[:2]).item()),
            retrain=False,
            last_points_only=False,
            predict_kwargs={"batch_size": PREDICT_BATCH},
        )
        return np.array([[part.values() for part in parts] for parts in each])

    def n_weights(self) -> int:
        return n_trained(self.model.model)


def begin(lstm: Any, head: Any) -> None:
    """Draw weights as fastlstm does, and train one of torch's two biases a layer.

    Two that only ever appear added would learn twice as fast.
    """
    from peer_torch import begin_as_keras

    begin_as_keras(lstm, head)
    for name, weight in lstm.named_parameters():
        if name.startswith("bias_hh"):
            weight.requires_grad_(False)


def n_trained(module: Any) -> int:
    return sum(w.numel() for w in module.parameters() if w.requires_grad)


def darts_direct() -> Any:
    from darts.models.forecasting.block_rnn_model import CustomBlockRNNModule
    from darts.models.forecasting.pl_forecasting_module import (
        PLModuleOutput,
        io_processor,
    )
    from torch import nn

    class LastState(CustomBlockRNNModule):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            size, outputs = self.hidden_dim, self.output_chunk_length * self.target_size
            self.rnn = nn.LSTM(self.input_size, size, self.num_layers, batch_first=True)
            self.head = nn.Linear(size, outputs)
            begin(self.rnn, self.head)

        @io_processor
        def forward(self, x_in: Any) -> Any:
            _, (h, _) = self.rnn(x_in.concatenate_past_features())
            shape = (-1, self.output_chunk_length, self.target_size, 1)
            return PLModuleOutput(prediction=self.head(h[-1]).view(shape))

    return LastState


def darts_recursive() -> Any:
    from darts.models.forecasting.rnn_model import _RNNModule

    class Recursive(_RNNModule):
        def __init__(self, **options: Any) -> None:
            super().__init__(name="LSTM", **options)
            begin(self.rnn, self.V)

    return Recursive


class NeuralForecast(Contestant):
    requires = ("neuralforecast", "torch")

    @classmethod
    def missing(cls, settings: Settings, outputs: int) -> str | None:
        if settings.strategy == "recursive" or outputs > 1:
            return "its LSTM has no such form"
        return super().missing(settings, outputs)

    def start(self) -> None:
        torch = quiet_torch(self.threads)
        import neuralforecast
        import pandas as pd
        from neuralforecast.losses.pytorch import MSE

        self.version = f"{neuralforecast.__version__} on torch {torch.__version__}"
        self.make, self.loss = neuralforecast.NeuralForecast, MSE
        self.module = neuralforecast_direct()
        self.frame = pd.concat(
            [
                pd.DataFrame({"unique_id": n, "ds": np.arange(len(y)), "y": y[:, 0]})
                for n, y in enumerate(self.data.train)
            ]
        )
        # To forecast from any origin, each window is a series of its own.
        window = self.settings.window
        at = self.data.origins[:, None] + np.arange(-window, 0)
        values = np.stack([y[at, 0] for y in self.data.whole])
        names, steps = np.indices((values[..., 0].size, window))
        columns = {"unique_id": names, "ds": steps, "y": values}
        self.windows = pd.DataFrame({k: v.reshape(-1) for k, v in columns.items()})

    def renew(self, seed: int) -> None:
        s, n = self.settings, len(self.data.train)
        model = self.module(
            h=s.horizon,
            input_size=s.window,
            encoder_n_layers=s.num_layers,
            encoder_hidden_size=s.hidden_size,
            decoder_layers=1,
            loss=self.loss(),
            # It counts batches of windows, drawn at random from those of all series.
            max_steps=s.epochs * -(-self.data.windows(s) // s.batch_size),
            batch_size=n,
            windows_batch_size=s.batch_size,
            inference_windows_batch_size=PREDICT_BATCH,
            valid_batch_size=PREDICT_BATCH,
            training_data_availability_threshold=1.0,
            learning_rate=s.learning_rate,
            scaler_type="identity",
            random_seed=seed,
            gradient_clip_val=s.max_grad_norm,
            **TRAINER,
        )
        self.model = self.make(models=[model], freq=1)

    def fit(self) -> None:
        self.model.fit(self.frame)

    def forecast(self) -> Floats32:
        predicted = self.model.predict(self.windows)
        values = predicted.sort_values(["unique_id", "ds"])["LastState"].to_numpy()
        shape = (len(self.data.whole), len(self.data.origins), self.settings.horizon, 1)
        return values.reshape(shape)

    def n_weights(self) -> int:
        return n_trained(self.model.models[0])


def neuralforecast_direct() -> Any:
    from neuralforecast.models import LSTM
    from torch import nn

    class LastState(LSTM):
        def __init__(self, h: int, **options: Any) -> None:
            super().__init__(h=h, **options)
            self.mlp_decoder = nn.Linear(self.encoder_hidden_size, h)
            begin(self.hist_encoder, self.mlp_decoder)

        def forward(self, windows_batch: Any) -> Any:
            _, (h, _) = self.hist_encoder(windows_batch["insample_y"])
            return self.mlp_decoder(h[-1])[..., None]

    return LastState


CONTESTANTS: dict[str, type[Contestant]] = {
    "fastlstm": FastLSTM,
    "darts": Darts,
    "neuralforecast": NeuralForecast,
}
