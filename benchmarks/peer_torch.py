"""The classifier of peer_estimators.py in torch: by skorch, and by a loop of one's own.

torch has two biases where the others have one; they only ever appear added.
"""

from __future__ import annotations

from typing import Any

from peer_estimators import PREDICT_BATCH, Contestant, Labels, Sequences


def begin_as_keras(lstm: Any, head: Any) -> None:
    """Draw Glorot and orthogonal matrices; biases are 0, of forget gates 1."""
    from torch import nn

    nn.init.xavier_uniform_(head.weight)
    nn.init.zeros_(head.bias)
    for name, weight in lstm.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(weight)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(weight)
        else:
            nn.init.zeros_(weight)
        if name.startswith("bias_ih"):
            size = lstm.hidden_size
            nn.init.ones_(weight.detach()[size : 2 * size])


def network_class() -> Any:
    """Make the class of the module for torch, which is imported here."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(
            self, inputs: int, hidden_size: int, num_layers: int, outputs: int
        ) -> None:
            super().__init__()
            self.lstm = nn.LSTM(inputs, hidden_size, num_layers, batch_first=True)
            self.head = nn.Linear(hidden_size, outputs)
            begin_as_keras(self.lstm, self.head)

        def forward(self, x: Any, lengths: Any = None) -> Any:
            if lengths is not None:
                x = nn.utils.rnn.pack_padded_sequence(
                    x, lengths, batch_first=True, enforce_sorted=False
                )
            _, (h, _) = self.lstm(x)
            return self.head(h[-1])

    torch.set_num_interop_threads(1)
    return Network


class Torch(Contestant):
    """A loop by hand, no estimator: what torch itself costs."""

    requires = ("torch",)

    def start(self, backend: str) -> None:
        import torch

        torch.set_num_threads(self.threads)
        self.torch = torch
        self.version = torch.__version__
        self.network = network_class()

    def prepare(self, data: Sequences) -> Any:
        arrays = (data.x,) if data.lengths is None else (data.x, data.lengths)
        return [self.torch.from_numpy(array) for array in arrays]

    def renew(self, x: Any, n_classes: int, seed: int) -> None:
        self.torch.manual_seed(seed)
        self.n_classes = n_classes

    def fit(self, x: Any, y: Labels) -> None:
        torch, s = self.torch, self.settings
        inputs, labels = x[0].shape[-1], torch.from_numpy(y)
        model = self.network(inputs, s.hidden_size, s.num_layers, self.n_classes)
        loss = torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), s.learning_rate)
        for _ in range(s.epochs):
            for rows in torch.randperm(len(y)).split(s.batch_size):
                optimizer.zero_grad()
                loss(model(*(part[rows] for part in x)), labels[rows]).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), s.max_grad_norm)
                optimizer.step()
        self.model = model

    def predict(self, x: Any) -> Labels:
        with self.torch.inference_mode():
            return self.model(*x).argmax(dim=1).numpy()

    def n_weights(self) -> int:
        return sum(weight.numel() for weight in self.model.parameters())


class Skorch(Torch):
    """skorch.NeuralNetClassifier as it comes, but without a validation split."""

    requires = ("skorch", "torch")

    def start(self, backend: str) -> None:
        super().start(backend)
        import skorch
        from skorch.callbacks import GradientNormClipping

        self.version = f"{skorch.__version__} on torch {self.version}"
        self.make, self.clipping = skorch.NeuralNetClassifier, GradientNormClipping

    def prepare(self, data: Sequences) -> Any:
        if data.lengths is None:
            return data.x
        return {"x": data.x, "lengths": data.lengths}

    def fit(self, x: Any, y: Labels) -> None:
        torch, s = self.torch, self.settings
        features = x["x"] if isinstance(x, dict) else x
        self.net = self.make(
            self.network,
            module__inputs=features.shape[-1],
            module__hidden_size=s.hidden_size,
            module__num_layers=s.num_layers,
            module__outputs=self.n_classes,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=s.learning_rate,
            max_epochs=s.epochs,
            batch_size=s.batch_size,
            iterator_train__shuffle=True,
            iterator_valid__batch_size=PREDICT_BATCH,
            train_split=None,
            callbacks=[("clipping", self.clipping(s.max_grad_norm))],
            verbose=0,
        ).fit(x, y)
        self.model = self.net.module_

    def predict(self, x: Any) -> Labels:
        return self.net.predict(x)
