"""Fills a folder with the twin of a dataset, piece by piece, and the truth beside it.

A piece is what is drawn in one go, such as a film. Pieces that are finished are not drawn again;
the files do not depend on the number of processes.
"""

from __future__ import annotations

import abc
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hmr_tf import config as settings
from hmr_tf.body.model_file import load_body
from hmr_tf.errors import DataError
from hmr_tf.synthetic import motion_sources, twins, work_folder
from hmr_tf.synthetic.studio import Studio
from tfrecords_tools import atomic_file

TRUTH_NAME = "smpl_truth.npz"
_USED_SETTINGS = (
    *("num_images", "num_test", "image_size", "seed"),
    *("body", "gender", "motion_dir"),
)


class TwinMaker(abc.ABC):
    """Draws the pieces of a twin; made anew in every process.

    Attributes:
        dataset: name of the layout.
        version: counts up when equal settings give other files than before.
        folder: to fill.
        config: what to draw.
        body: the body model.
        studio: where pictures are taken.
    """

    dataset: str
    version: int = 1

    def __init__(self, folder: Path, config: settings.SynthesisConfig) -> None:
        cv2.setNumThreads(1)  # The processes are the parallelism.
        self.folder, self.config = folder, config
        self.body = load_body(config.body, config.gender)
        self.studio = Studio(self.body, config.seed, motion_sources.load_motions(config.motion_dir))

    def random(self, piece: int) -> np.random.Generator:
        """Returns the random numbers of a piece."""
        return np.random.default_rng([self.config.seed, piece])

    @abc.abstractmethod
    def pieces(self) -> Sequence[Any]:
        """Returns what there is to draw, always the same in the same order."""

    @abc.abstractmethod
    def draw(self, index: int, piece: Any) -> list[tuple]:
        """Writes the files of a piece.

        Returns:
            Its entries for `twins.save_truth`.
        """

    def finish(self) -> None:  # noqa: B027 - most twins have nothing else.
        """Writes what belongs to no piece."""


_maker: TwinMaker | None = None


def fill(
    maker_class: type[TwinMaker],
    folder: Path,
    config: settings.SynthesisConfig,
    num_workers: int,
    products: Sequence[str],
) -> None:
    """Writes a twin, or what is missing of it.

    Args:
        maker_class: draws the pieces.
        folder: to fill.
        config: what to draw.
        num_workers: processes; 0 draws in this one.
        products: names in the folder that show that it holds the dataset.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    if not 0 <= config.num_test <= config.num_images:
        raise DataError(
            f"num_test must lie between 0 and num_images={config.num_images}; received "
            f"{config.num_test}."
        )
    maker = maker_class(folder, config)  # Whatever is wrong is told before work begins.
    used = {name: settings.to_dict(config)[name] for name in _USED_SETTINGS}
    identity = {"dataset": maker.dataset, "version": maker.version, **used}
    work_folder.claim(folder / "synthesize.json", identity, [folder / name for name in products])
    if (folder / TRUTH_NAME).exists():
        work_folder.remove_parts(folder)
        return
    pieces = list(enumerate(maker.pieces()))
    parts = [folder / "unfinished" / f"part_{index:07d}.npz" for index, _ in pieces]
    open_pieces = [piece for piece, part in zip(pieces, parts) if not part.exists()]
    arguments = (maker_class, folder, config)
    work_folder.run(_draw, open_pieces, num_workers, _start, arguments, "piece", len(open_pieces))
    maker.finish()
    _join(folder / TRUTH_NAME, parts)
    work_folder.remove_parts(folder)


def _start(maker_class: type[TwinMaker], folder: Path, config: settings.SynthesisConfig) -> None:
    global _maker
    _maker = maker_class(folder, config)


def _draw(task: tuple[int, Any]) -> int:
    """Draws one piece and then writes down what is true about it."""
    index, piece = task
    entries = _maker.draw(index, piece)
    part = _maker.folder / "unfinished" / f"part_{index:07d}.npz"
    twins.save_truth(part, entries, _maker.body.kind)
    return 1


def _join(path: Path, parts: Sequence[Path]) -> None:
    """Joins the truths of the pieces."""
    pieces = []
    for part in parts:
        with np.load(part, allow_pickle=False) as file:
            pieces.append(dict(file))
    # Texts are padded to the longest of all, scalars are the same in all.
    joined = {
        name: np.concatenate([piece[name] for piece in pieces]) if values.ndim else values
        for name, values in pieces[0].items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **joined)
    atomic_file.write_bytes(path, buffer.getvalue())
