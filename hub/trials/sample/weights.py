"""Codes drawn by weight, written as a line of text: ``F 0.4 M 0.6``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Weights = Mapping[str, float]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]


def weights(text: str) -> dict[str, float]:
    """Pairs of code and weight."""
    words = text.split()
    return {
        code: float(weight)
        for code, weight in zip(words[::2], words[1::2], strict=True)
    }


def pick(rng: np.random.Generator, chances: Weights | str, count: int) -> Texts:
    """`count` codes drawn by weight."""
    known = weights(chances) if isinstance(chances, str) else chances
    share = np.array(list(known.values()), dtype=float)
    return rng.choice(np.array(list(known)), count, p=share / share.sum())


def pick_index(
    rng: np.random.Generator, chances: Weights, codes: Sequence[str], count: int
) -> Ints:
    """The same as indices into `codes`."""
    share = np.array(list(chances.values()), dtype=float)
    numbers = np.array([codes.index(code) for code in chances])
    return numbers[rng.choice(len(numbers), count, p=share / share.sum())]


def pick_by(
    rng: np.random.Generator, keys: Texts, chances: Mapping[str, str], other: str
) -> Texts:
    """A code for each key, by the weights of that key, or `other`'s."""
    chosen = pick(rng, other, len(keys)).astype("U16")
    for key, text in chances.items():
        there = np.flatnonzero(keys == key)
        chosen[there] = pick(rng, text, len(there))
    return chosen
