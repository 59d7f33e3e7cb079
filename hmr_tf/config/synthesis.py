"""The settings of a synthetic dataset."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class SynthesisConfig:
    """A synthetic dataset; two runs with equal settings write equal files.

    Attributes:
        num_images: pictures in all (layout `lsp`).
        num_test: how many of them, the last ones, show people of the test split.
        num_frames: motion-capture frames (layout `mosh`).
        num_limit_frames: frames of extreme poses beside them (`neutrSMPL_jointLim`).
        num_h36m_frames: frames beside them in the files of Human3.6M (`neutrSMPL_H3.6`).
        image_size: height and width of the pictures, px.
        seed: seed of everything random.
        body: name or path of the body model.
        gender: which file is taken if `body` is a folder.
        motion_dir: folder of AMASS or MoSh files to draw poses from; the embedded clips if empty.
        background_dir: folder of photographs to stand before; procedural pictures if empty.
    """

    num_images: int = 200
    num_test: int = 50
    num_frames: int = 20_000
    num_limit_frames: int = 0
    num_h36m_frames: int = 0
    image_size: int = 224
    seed: int = 0
    body: str = "free_body"
    gender: str = "neutral"
    motion_dir: str = ""
    background_dir: str = ""
