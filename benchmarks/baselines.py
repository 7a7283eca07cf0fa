"""What anybody would try before an LSTM; each learns from training and validation data.

A function's docstring is its name in the table of `real_data.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
from datasets import Split
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def labels_of(split: Split) -> np.ndarray:
    return np.concatenate([split.train[1], split.validation[1]])


def flat(split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.concatenate([split.train[0], split.validation[0]])
    test = split.test[0]
    return x.reshape(len(x), -1), labels_of(split), test.reshape(len(test), -1)


def majority(split: Split) -> Any:
    """most frequent class"""
    values, counts = np.unique(labels_of(split), return_counts=True)
    return np.full(len(split.test[1]), values[counts.argmax()])


def mean_and_logistic(split: Split) -> Any:
    """logistic regression on mean, deviation, first and last step"""

    def features(sequences: Any) -> np.ndarray:
        rows = [np.concatenate([s.mean(0), s.std(0), s[0], s[-1]]) for s in sequences]
        return np.array(rows)

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(features([*split.train[0], *split.validation[0]]), labels_of(split))
    return model.predict(features(split.test[0]))


def flat_logistic(split: Split) -> Any:
    """logistic regression on all values"""
    x, y, test = flat(split)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return model.fit(x, y).predict(test)


def boosted_classes(split: Split) -> Any:
    """HistGradientBoostingClassifier on all values"""
    x, y, test = flat(split)
    return HistGradientBoostingClassifier(random_state=0).fit(x, y).predict(test)


def words_and_logistic(split: Split) -> Any:
    """logistic regression on word pairs (tf-idf)"""

    def texts(sequences: Any) -> list[str]:
        return [" ".join(f"w{token}" for token in tokens) for tokens in sequences]

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10.0, max_iter=2000)
    )
    model.fit(texts([*split.train[0], *split.validation[0]]), labels_of(split))
    return model.predict(texts(split.test[0]))


def majority_tag(split: Split) -> Any:
    """most frequent tag of each word"""
    seen: dict[Any, Counter[str]] = defaultdict(Counter)
    everything: Counter[str] = Counter()
    for x, y in (split.train, split.validation):
        for tokens, tags in zip(x, y, strict=True):
            everything.update(tags)
            for token, tag in zip(tokens, tags, strict=True):
                seen[token][tag] += 1
    common = everything.most_common(1)[0][0]
    best = {token: counts.most_common(1)[0][0] for token, counts in seen.items()}
    return [
        np.array([best.get(token, common) for token in tokens])
        for tokens in split.test[0]
    ]


def no_change(split: Split) -> Any:
    """no change (the last value)"""
    return np.zeros(len(split.test[1]))


def ridge(split: Split) -> Any:
    """ridge regression on all lags"""
    x, y, test = flat(split)
    return Ridge(100.0).fit(x, y).predict(test)


def boosted_numbers(split: Split) -> Any:
    """HistGradientBoostingRegressor on all lags"""
    x, y, test = flat(split)
    return HistGradientBoostingRegressor(random_state=0).fit(x, y).predict(test)
