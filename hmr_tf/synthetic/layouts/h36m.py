"""Writes filmed people in the layout of Human3.6M, with their exact SMPL truth beside it.

    S1/MyPoseFeatures/D2_Positions/WalkingDog 1.54138969.cdf       (1, F, 64) px
    S1/MyPoseFeatures/D3_Positions_mono/WalkingDog 1.54138969.cdf  (1, F, 96) mm, camera frame
    S1/MyPoseFeatures/D3_Positions/WalkingDog 1.cdf                (1, F, 96) mm, world
    S1/MySegmentsMat/ground_truth_bb/WalkingDog 1.54138969.mat     masks of the person's box
    S1/Videos/WalkingDog 1.54138969.mp4
    mosh/S1/WalkingDog 1_cam0_aligned.pkl                          training subjects
    metadata.xml                                                   cameras
    smpl_truth.npz

`h36m_spin` and `h36m_mmhuman3d` hold every fifth frame as a JPEG instead of videos, under the names
that these two give them. Videos have two frames more than there are labels, as many real ones have.
Each subject also has labels called `_ALL`, which are nobody's. With test images there is S11's
`Directions.54138969`, whose video is corrupt. Of at least 100 training images one is damaged.
MoSh's bodies stand on their heads, as the original release's do. Lenses do not distort.

The truth has one row for every fifth frame; it calls a video's frame `S1/Videos/....mp4#0`.
"""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import h5py
import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf import config as settings
from hmr_tf.synthetic import h36m_takes, python2_pickle, twin_folder
from hmr_tf.synthetic.h36m_takes import FRAME_STEP, Take
from hmr_tf.synthetic.twins import TwinImage
from tfrecords_tools import atomic_file, h36m_names

_FPS = 50
_EXTRA_FRAMES = 2
_CDF_FLOAT = 44
_HALF_TURN = Rotation.from_rotvec([np.pi, 0.0, 0.0])
_CORRUPT = Take("S11", 2, 2, 1, 2)  # Directions.54138969


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset with videos, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw; `num_images` counts every fifth frame.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    return _write(_Maker, out_dir, config, num_workers)


def write_spin(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset with images where SPIN puts them; see `write`."""
    return _write(_SpinMaker, out_dir, config, num_workers)


def write_mmhuman3d(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset with images where mmhuman3d puts them; see `write`."""
    return _write(_MMHuman3DMaker, out_dir, config, num_workers)


def _write(maker, out_dir: str, config: settings.SynthesisConfig, num_workers: int) -> str:
    products = (*h36m_names.TRAIN_SUBJECTS, *h36m_names.TEST_SUBJECTS, "metadata.xml")
    twin_folder.fill(maker, Path(out_dir), config, num_workers, products)
    count = len(h36m_takes.takes(config))
    return f"{config.num_images} images in {count} clips in {out_dir}"


class _Maker(h36m_takes.TakesMaker):
    """Films the clips and writes them as videos."""

    dataset = "h36m"
    has_videos = True

    def draw(self, index: int, piece: Take) -> list[tuple]:
        num_frames = FRAME_STEP * (piece.num_images - 1) + 1
        film = self.film(index, piece, num_frames + _EXTRA_FRAMES)
        names = self.write_pictures(index, piece, film)
        film = film[:num_frames]
        self._write_labels(piece, film)
        rotation, shift = h36m_takes.extrinsics(film[0])
        self.note(index, {"rotation": rotation.tolist(), "shift": shift.tolist()})
        shots = film[::FRAME_STEP]
        return [(name, 0, shot.people[0], shot.intrinsics) for name, shot in zip(names, shots)]

    def write_pictures(self, index: int, take: Take, film: list[TwinImage]) -> list[str]:
        """Writes the pictures of a take; returns the names of every fifth."""
        name = f"{take.subject}/Videos/{take.stem}.mp4"
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(self.folder / name, [shot.image for shot in film])
        return [f"{name}#{frame}" for frame in range(0, len(film) - _EXTRA_FRAMES, FRAME_STEP)]

    def is_damaged(self, index: int, frame: int) -> bool:
        """Whether a picture is cut short."""
        return self.is_awkward and (index, frame) == (1, FRAME_STEP)

    def _write_labels(self, take: Take, film: list[TwinImage]) -> None:
        """Writes the poses, masks and bodies of a take."""
        people = [shot.people[0] for shot in film]
        joints = np.stack([h36m_takes.raw_joints(person) for person in people])
        pixels = np.stack([p.project(joint) for p, joint in zip(people, joints)])
        world = h36m_takes.to_world(joints, film[0])
        features = self.folder / take.subject / "MyPoseFeatures"
        trial = take.stem.rpartition(".")[0]
        for kind, name, values in (
            ("D2_Positions", take.stem, pixels),
            ("D3_Positions_mono", take.stem, 1000.0 * joints),
            ("D3_Positions", trial, world),
        ):
            write_poses(features / kind / f"{name}.cdf", values.reshape(len(film), -1))
        all_stem = f"_ALL.{take.stem.rpartition('.')[2]}"
        write_poses(features / "D3_Positions_mono" / f"{all_stem}.cdf", np.zeros((1, 96)))
        masks = self.folder / take.subject / "MySegmentsMat" / "ground_truth_bb"
        atomic_file.write_bytes(masks / f"{take.stem}.mat", _mask_file(film))
        if not take.is_test:
            name = f"{trial}_cam{take.camera - 1}_aligned.pkl"
            content = _mosh_file(film[::FRAME_STEP])
            atomic_file.write_bytes(self.folder / "mosh" / take.subject / name, content)

    def finish(self) -> None:
        """Writes the cameras, and the clip that no test may use."""
        places = {(take.subject, take.camera): n for take, n in zip(self.pieces(), self.notes())}
        text = _metadata(places, self.config.image_size)
        atomic_file.write_bytes(self.folder / "metadata.xml", text.encode())
        if self.config.num_test:
            self._write_corrupt_clip()

    def _write_corrupt_clip(self) -> None:
        features = self.folder / _CORRUPT.subject / "MyPoseFeatures"
        for kind, width in (("D2_Positions", 64), ("D3_Positions_mono", 96)):
            write_poses(features / kind / f"{_CORRUPT.stem}.cdf", np.ones((6, width)))
        if self.has_videos:
            path = self.folder / _CORRUPT.subject / "Videos" / f"{_CORRUPT.stem}.mp4"
            atomic_file.write_bytes(path, b"\0\0\0\x18ftypmp42" + bytes(200))


class _SpinMaker(_Maker):
    """Writes every fifth frame as SPIN does."""

    dataset = "h36m_spin"
    has_videos = False
    folder_pattern = "images"

    def write_pictures(self, index: int, take: Take, film: list[TwinImage]) -> list[str]:
        stem = f"{take.subject}_{take.stem.replace(' ', '_')}"
        folder = self.folder_pattern.format(subject=take.subject, stem=stem)
        names = []
        for frame in range(0, len(film) - _EXTRA_FRAMES, FRAME_STEP):
            names.append(f"{folder}/{stem}_{frame + 1:06d}.jpg")
            self.write_image(names[-1], film[frame], self.is_damaged(index, frame))
        return names


class _MMHuman3DMaker(_SpinMaker):
    """Writes every fifth frame as mmhuman3d does."""

    dataset = "h36m_mmhuman3d"
    folder_pattern = "{subject}/images/{stem}"


def write_poses(path: Path, values: np.ndarray) -> None:
    """Writes `[frames, n]` numbers as the one variable `Pose` of a CDF file."""
    import cdflib.cdfwrite

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"unfinished_{path.name}")
    file = cdflib.cdfwrite.CDF(str(unfinished), delete=True)
    variable = {
        "Variable": "Pose",
        "Data_Type": _CDF_FLOAT,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Dim_Sizes": list(values.shape),
        "Var_Type": "zVariable",
        "Compress": 0,  # A compressed variable holds the time.
    }
    file.write_var(variable, var_data=values.astype(np.float32)[None])
    file.close()
    unfinished.replace(path)


def write_video(path: Path, images: list[np.ndarray]) -> None:
    """Writes `[h, w, 3]` uint8 RGB images as an MPEG-4 video."""
    height, width = images[0].shape[:2]
    unfinished = path.with_name(f"unfinished_{path.name}")
    code = cv2.VideoWriter_fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(unfinished), cv2.CAP_FFMPEG, code, _FPS, (width, height))
    for image in images:
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    unfinished.replace(path)


def _mask_file(film: list[TwinImage]) -> bytes:
    """Returns the MATLAB 7.3 file of the person's box in every frame."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        group = file.create_group("#refs#")
        references = np.empty((len(film), 1), h5py.ref_dtype)
        for frame, shot in enumerate(film):
            mask = np.zeros(shot.image.shape[:2], np.uint8)
            x0, y0, x1, y1 = np.rint(shot.people[0].box_xyxy).astype(int)
            if shot.people[0].mask.any():
                mask[y0 : y1 + 1, x0 : x1 + 1] = 1
            # MATLAB's arrays are column by column.
            stored = group.create_dataset(f"{frame:06d}", data=mask.T, compression="gzip")
            references[frame, 0] = stored.ref
        file.create_dataset("Masks", data=references, dtype=h5py.ref_dtype)
    description = b"MATLAB 7.3 MAT-file, written by hmr_tf.synthesize".ljust(124)
    return description + b"\x00\x02IM" + buffer.getvalue()[128:]


def _mosh_file(shots: list[TwinImage]) -> bytes:
    """Returns the pickle of MoSh's bodies, which stand on their heads."""
    poses = np.stack([shot.people[0].pose_axis_angle for shot in shots]).astype(np.float64)
    roots = Rotation.from_rotvec(poses[:, :3]) * _HALF_TURN
    poses[:, :3] = roots.as_rotvec()
    translation = np.stack([shot.people[0].translation for shot in shots]).astype(np.float64)
    betas = shots[0].people[0].betas.astype(np.float64)
    return python2_pickle.dumps({"new_poses": poses, "betas": betas, "trans": translation})


def _metadata(places: dict[tuple[str, int], dict], image_size: int) -> str:
    """Returns metadata.xml: cameras and their places; `places` are by subject and camera."""
    numbers = np.zeros(300)
    for (subject, camera), place in places.items():
        rotation, shift = np.array(place["rotation"]), np.array(place["shift"])
        start = 6 * ((camera - 1) * 11 + int(subject[1:]) - 1)
        # X_camera = R (X_world - centre), R = Rx Ry Rz.
        angles = Rotation.from_matrix(rotation).as_euler("XYZ")
        numbers[start : start + 6] = [*angles, *(-rotation.T @ shift)]
    for camera in range(1, 5):
        start = 264 + 9 * (camera - 1)
        numbers[start : start + 4] = h36m_takes.lens(camera, image_size)
    text = " ".join(f"{number:.10g}" for number in numbers)
    ids = "".join(
        f"<cam><index>{i + 1}</index><id>{c}</id></cam>" for i, c in enumerate(h36m_names.CAMERAS)
    )
    return (
        '<?xml version="1.0"?>\n<metadata>\n'
        f"  <dbcameras><index2id>{ids}</index2id></dbcameras>\n  <w0>[{text}]</w0>\n</metadata>\n"
    )
