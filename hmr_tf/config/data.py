"""Which records are read, how they are mixed and how their crops change at random."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Random changes of a training crop; the defaults are the original release's.

    Attributes:
        scale_min, scale_max: range of the person's scale factor.
        shift_px: greatest shift of the crop centre per axis, px of an image in which the person has
            150 px, before scaling.
        rotation_deg: greatest in-plane rotation to either side, degrees.
        rotation_probability: share of samples that are rotated at all.
        spread: how scale and rotation are drawn: `uniform` in their ranges, or `normal` (SPIN,
            mmhuman3d), cut off at the ends of the ranges: the crop's side with half of its range as
            deviation, the angle with half of `rotation_deg`.
        flip_probability: share of samples that are mirrored.
        color_jitter: greatest relative change of each colour channel's gain.
        occluder_probability: share of samples that get one to seven objects pasted on.
        occluders: records of these objects, e.g. `voc`; shapes drawn at the start if empty.
        cutout_probability: share of samples that lose a rectangle.
        cutout_min, cutout_max: range of its height and width, shares of the crop's side.
        noise_areas: (dataset, share) pairs: samples of these datasets lose a rectangle to noise, of
            at most that share of the crop (HybrIK).
        noise_aspect: greatest ratio of its sides.
    """

    scale_min: float = 0.8
    scale_max: float = 1.23
    shift_px: float = 20.0
    rotation_deg: float = 0.0
    rotation_probability: float = 0.0
    spread: str = "uniform"
    flip_probability: float = 0.5
    color_jitter: float = 0.0
    occluder_probability: float = 0.0
    occluders: str = ""
    cutout_probability: float = 0.0
    cutout_min: float = 0.1
    cutout_max: float = 0.4
    noise_areas: tuple[tuple[str, float], ...] = ()
    noise_aspect: float = 2.0


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which records are read and how they are mixed.

    Attributes:
        data_dir: folder that holds one folder of records per dataset.
        datasets: (name, weight) pairs; weights are relative within a kind (with or without 3D).
        mocap_datasets: motion-capture sets (`CMU`, `H3.6`, `jointLim`) under ``mocap_neutrMosh``,
            or those of other sources, e.g. `amass/KIT`.
        split: split of the records.
        pair_2d_with_3d: whether every batch takes half its samples from records with 3D labels and
            half from those without, as in the original release, whenever both kinds are named.
        window_px: side of the square of stored-image px that the unaugmented crop covers; the
            model's.
        shuffle_buffer: samples held for shuffling.
        cache: whether all encoded records are read into memory at the start.
        augment: random changes of the crop.
    """

    data_dir: str
    datasets: tuple[tuple[str, float], ...] = (("lsp", 1.0),)
    mocap_datasets: tuple[str, ...] = ("CMU",)
    split: str = "train"
    pair_2d_with_3d: bool = True
    window_px: float = 224.0
    shuffle_buffer: int = 2000
    cache: bool = False
    augment: AugmentConfig = AugmentConfig()
