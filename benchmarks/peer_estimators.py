"""One sequence classifier in fastlstm and Keras, as a user of each would write it.

LSTM layers and a linear map of the last hidden state, cross-entropy, Adam (0.9, 0.999,
1e-8), gradients cut to one norm. All begin with weights drawn as Keras draws them
(Glorot and orthogonal matrices, zero biases but 1 at the forget gate), which is also
what fastlstm does; `Network` in peer_torch.py does it for torch. A library is imported
when its contestant is made, never before: each is meant to have a process to itself.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from fastlstm.bench.machine import keep_to_cpus

BACKENDS = {"jax": "jax", "tensorflow": "tensorflow-cpu", "torch": "torch"}
PREDICT_BATCH = 256
Labels = np.ndarray


@dataclass(frozen=True)
class Settings:
    """What all contestants share."""

    hidden_size: int
    learning_rate: float
    epochs: int
    num_layers: int = 1
    batch_size: int = 32
    max_grad_norm: float = 1.0


@dataclass(frozen=True)
class Sequences:
    """Scaled float32 sequences (N, T, F), ragged where there are ``lengths``."""

    x: np.ndarray
    lengths: np.ndarray | None = None  # zeros stand beyond them


class Contestant:
    """Fits the classifier of ``settings`` from another seed each time.

    Parameters
    ----------
    settings : Settings
    threads : int
        Of the library; the process is kept to as many CPUs.
    backend : str
        One of Keras'.
    """

    requires: ClassVar[tuple[str, ...]] = ()
    version: str

    def __init__(self, settings: Settings, threads: int, backend: str) -> None:
        keep_to_cpus(threads)  # some libraries have no other way to say it
        self.settings = settings
        self.threads = threads
        self.start(backend)

    @classmethod
    def missing(cls, backend: str) -> str | None:
        """Say how to install what is not there; None if nothing is missing."""
        absent = [name for name in cls.requires if find_spec(name) is None]
        if not absent:
            return None
        return f"{' and '.join(absent)} not installed: pip install {' '.join(absent)}"

    def start(self, backend: str) -> None:
        """Import the library and give it its threads."""
        raise NotImplementedError

    def prepare(self, data: Sequences) -> Any:
        """Put data into the library's form; not timed."""
        return data.x

    def renew(self, x: Any, n_classes: int, seed: int) -> None:
        """Take a seed for the next fit; not timed."""
        raise NotImplementedError

    def fit(self, x: Any, y: Labels) -> None:
        raise NotImplementedError

    def predict(self, x: Any) -> Labels:
        raise NotImplementedError

    def n_weights(self) -> int:
        raise NotImplementedError


class FastLSTM(Contestant):
    def start(self, backend: str) -> None:
        import fastlstm
        from fastlstm import LSTMClassifier
        from sklearn.exceptions import ConvergenceWarning

        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are given
        self.version = fastlstm.__version__
        self.make = LSTMClassifier

    def prepare(self, data: Sequences) -> Any:
        if data.lengths is None:
            return data.x
        return [x[:n] for x, n in zip(data.x, data.lengths, strict=True)]

    def renew(self, x: Any, n_classes: int, seed: int) -> None:
        s = self.settings
        self.model = self.make(
            s.hidden_size,
            s.num_layers,
            batch_size=s.batch_size,
            learning_rate_init=s.learning_rate,
            max_iter=s.epochs,
            max_grad_norm=s.max_grad_norm,
            tol=0.0,
            n_iter_no_change=s.epochs,
            standardize=False,
            n_jobs=self.threads,
            random_state=seed,
        )

    def fit(self, x: Any, y: Labels) -> None:
        self.model.fit(x, y)
        assert self.model.n_iter_ == self.settings.epochs

    def predict(self, x: Any) -> Labels:
        return self.model.predict(x)

    def n_weights(self) -> int:
        return self.model.model_.params.size


class Keras(Contestant):
    """`Model.fit` of one model that is compiled once: each seed sets it back.

    What a new model costs, in a cross-validation every one, shows in the first fit.
    """

    requires = ("keras",)

    @classmethod
    def missing(cls, backend: str) -> str | None:
        absent = [name for name in ("keras", backend) if find_spec(name) is None]
        if not absent:
            return None
        return (
            f"{' and '.join(absent)} not installed: "
            f"pip install keras {BACKENDS[backend]}"
        )

    def start(self, backend: str) -> None:
        os.environ["KERAS_BACKEND"] = backend
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import keras

        assert keras.backend.backend() == backend
        if backend == "tensorflow":
            import tensorflow

            tensorflow.config.threading.set_intra_op_parallelism_threads(self.threads)
            tensorflow.config.threading.set_inter_op_parallelism_threads(self.threads)
        elif backend == "torch":
            import torch

            torch.set_num_threads(self.threads)
        self.keras = keras
        self.version = f"{keras.__version__} on {backend}"
        self.model: Any = None

    def prepare(self, data: Sequences) -> Any:
        self.masked = data.lengths is not None
        return data.x

    def renew(self, x: Any, n_classes: int, seed: int) -> None:
        self.keras.utils.set_random_seed(seed)
        self.shape, self.n_classes = x.shape[1:], n_classes
        if self.model is None:
            return  # the first fit makes it, on the clock
        self.model.set_weights(self.build().get_weights())
        variables = self.model.optimizer.variables
        for variable, value in zip(variables, self.optimizer_begins, strict=True):
            variable.assign(value)

    def build(self) -> Any:
        keras, s = self.keras, self.settings
        masking = [keras.layers.Masking()] if self.masked else []
        layers = [
            keras.layers.LSTM(s.hidden_size, return_sequences=n < s.num_layers)
            for n in range(1, s.num_layers + 1)
        ]
        return keras.Sequential(
            [
                keras.Input(self.shape),
                *masking,
                *layers,
                keras.layers.Dense(self.n_classes),
            ]
        )

    def fit(self, x: Any, y: Labels) -> None:
        keras, s = self.keras, self.settings
        if self.model is None:
            self.model = self.build()
            optimizer = keras.optimizers.Adam(
                s.learning_rate, epsilon=1e-8, global_clipnorm=s.max_grad_norm
            )
            optimizer.build(self.model.trainable_variables)
            self.optimizer_begins = [np.array(v) for v in optimizer.variables]
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            self.model.compile(optimizer=optimizer, loss=loss)
        self.model.fit(x, y, batch_size=s.batch_size, epochs=s.epochs, verbose=0)

    def predict(self, x: Any) -> Labels:
        outputs = self.model.predict(x, batch_size=PREDICT_BATCH, verbose=0)
        return outputs.argmax(axis=1)

    def n_weights(self) -> int:
        return self.model.count_params()
