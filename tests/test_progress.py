"""What a fit shows while it runs."""

from __future__ import annotations

import io
import sys

import pytest
from fastlstm.training import Progress

from .test_training import make_data, make_trainer


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_plain_progress(stream: type[io.StringIO]) -> None:
    shown = stream()
    make_trainer(max_epochs=20, callbacks=[Progress(stream=shown, use_tqdm=False)]).fit(
        make_data()
    )
    text = shown.getvalue()
    assert "epoch 1" in text
    assert "left" in text
    assert "loss" in text
    assert "validation score" in text
    assert text.rstrip("\x1b[K\n").endswith("(max_epochs)")
    if stream is io.StringIO:
        lines = [line.split(",")[0] for line in text.splitlines()]
        assert lines == [f"epoch {n}/20" for n in range(2, 21, 2)]  # each once


def test_progress_bar() -> None:
    shown = io.StringIO()
    make_trainer(callbacks=[Progress(stream=shown)]).fit(make_data())
    assert "7/7" in shown.getvalue()
    assert "loss" in shown.getvalue()


def test_progress_without_tqdm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    make_trainer(callbacks=[Progress()]).fit(make_data())
    assert "epoch 7/7" in capsys.readouterr().err
