"""A tiny encoder, and roots of judged chats whose people have a known taste."""

import random
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from plaudit_consumers.training.encoders.distilling import static_graph
from plaudit_consumers.training.encoders.manifest import GRAPH, EncoderManifest, hashes, write_manifest

from tests.consumers.live_root import Root, ranked, thumb, turn
from tests.support.tiny_models import write_tokenizer

TASTE: Final = {"thanks": 1.0, "please": 0.5, "sorry": -0.5, "rude": -1.5}
"""What each word adds to an answer in people's eyes."""
WORDS: Final = (*TASTE, "apples", "pears", "plums", "grow", "here", "there")
ENDING: Final = "?"


def write_encoder(folder: Path, **fields: object) -> Path:
    """An encoder whose vector has one dimension for each of `WORDS`. It loads in milliseconds."""
    folder.mkdir(parents=True)
    write_tokenizer(folder, dict.fromkeys(WORDS, 0.0))
    specials = 2
    table = np.vstack([np.zeros((specials, len(WORDS))), np.eye(len(WORDS))]).astype(np.float32)
    onnx.save(static_graph(table), folder / GRAPH)
    about = {"name": "words", "version": "1", "dimensions": len(WORDS), "max_tokens": 32, "licence": "MIT"}
    write_manifest(folder, EncoderManifest.model_validate({**about, **fields, "files": hashes(folder)}))
    return folder


def answer(dice: random.Random, count: int = 6) -> str:
    """Some of the words."""
    return " ".join(dice.choices(WORDS, k=count))


def worth(text: str) -> float:
    """What people think of an answer."""
    return sum(TASTE.get(word, 0.0) for word in text.split())


def rated_chats(
    root: Root, count: int, *, seed: int = 1, noise: float = 0.4, aspect: str = "satisfaction"
) -> Root:
    """Chats with one answer, which a reviewer likes or not by taste and by luck."""
    dice = random.Random(seed)
    for number in range(count):
        text = answer(dice)
        messages = (
            turn("q", "user", content=f"question {number}{ENDING}"),
            turn("a", parent="q", content=text),
        )
        liked = worth(text) + dice.gauss(0, noise) > 0
        feedback = [thumb("a", liked, aspect=aspect)]
        root.judged(f"c{number}", *messages, user=f"u{number}", feedback=feedback, minute=number)
    return root


def compared_chats(root: Root, count: int, *, seed: int = 2, noise: float = 0.4) -> Root:
    """Chats with two answers to one question, of which a reviewer prefers one."""
    dice = random.Random(seed)
    for number in range(count):
        first, second = answer(dice), answer(dice)
        messages = (
            turn("q", "user", content=f"which {number}{ENDING}"),
            turn("a", parent="q", content=first),
            turn("b", parent="q", content=second),
        )
        better = worth(first) - worth(second) + dice.gauss(0, noise) > 0
        ranking = ranked("a", "b") if better else ranked("b", "a")
        root.judged(f"p{number}", *messages, user=f"v{number}", comparisons=[ranking], minute=number)
    return root
