"""Human3.6M as distributed: pose files beside videos, or beside images extracted from them.

    S1/MyPoseFeatures/D2_Positions/Directions 1.54138969.cdf       px
    S1/MyPoseFeatures/D3_Positions_mono/Directions 1.54138969.cdf  mm, camera frame
    S1/MySegmentsMat/ground_truth_bb/Directions 1.54138969.mat     masks, optional
    metadata.xml                                                   only without D2_Positions

and the pictures in one of
    S1/Videos/Directions 1.54138969.mp4                                              `original`
    images/S1_Directions_1.54138969_000001.jpg                                       `spin`
    S1/images/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg           `mmhuman3d`

``S1/Poses_D3_Positions_mono/`` (the archive's name) will do for the folder of the poses. Extracted
images are numbered from 1 by video frame.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Iterator, Sequence

import numpy as np

from tfrecords_tools import h36m_files, h36m_motions, video_frames
from tfrecords_tools.converter import Drop, Output
from tfrecords_tools.errors import DatasetError, ImageError
from tfrecords_tools.h36m_names import CORRUPT_VIDEOS, Clip, parse_stem
from tfrecords_tools.labelled_people import Framing, LabelledPerson, to_sample
from tfrecords_tools.pinhole_fit import fit_intrinsics
from tfrecords_tools.skeletons import H36M32

LAYOUTS = ("original", "spin", "mmhuman3d")
# Videos are worked through in pieces, so that several processes and little memory will do.
_FRAMES_PER_PIECE = 500
_MM = 1e-3


@dataclasses.dataclass(frozen=True)
class Piece:
    """A work item: successive frames of a clip.

    Attributes:
        path: the clip's video, or the beginning of the paths of its images.
        clip: which clip.
        frames: numbers of the frames to take, from 0.
    """

    path: str
    clip: Clip
    frames: range


@dataclasses.dataclass(frozen=True)
class Source:
    """Reads one tree.

    Attributes:
        data_dir: the folder that holds S1, S5, ...
        layout: one of `LAYOUTS`: where the pictures are.
        frame_step: every which frame is taken.
        mosh_dir: folder of MoSh's bodies (``S1/Walking_cam0_aligned.pkl``); empty for none.
    """

    data_dir: str
    layout: str
    frame_step: int = 5
    mosh_dir: str = ""

    def clips(self, subjects: Sequence[str]) -> list[Clip]:
        """Returns the clips of those subjects that are there.

        Raises:
            DatasetError: if there is none.
        """
        found = []
        for subject in subjects:
            folder = pose_folder(self.data_dir, subject, "D3_Positions_mono")
            names = sorted(os.listdir(folder)) if folder else []
            clips = [parse_stem(subject, n[: -len(".cdf")]) for n in names if n.endswith(".cdf")]
            found += [clip for clip in clips if clip is not None]
        if not found:
            raise DatasetError(
                f"h36m: {self.data_dir} holds no <subject>/MyPoseFeatures/D3_Positions_mono/"
                f"<action>.<camera>.cdf of the subjects {', '.join(subjects)}; download "
                "Poses_D3_Positions_mono, Poses_D2_Positions and Videos of these."
            )
        return found

    def pieces(self, subjects: Sequence[str]) -> list[Piece | Drop]:
        """Returns the work items of some subjects.

        Raises:
            DatasetError: if a file is missing, damaged or another one.
        """
        pieces: list[Piece | Drop] = []
        for clip in self.clips(subjects):
            if (clip.subject, clip.stem) in CORRUPT_VIDEOS:
                pieces.append(Drop("clip whose video is known to be corrupt", name=clip.sequence))
                continue
            end = h36m_files.num_frames(self.pose_path(clip, "D3_Positions_mono"))
            self._check_2d(clip)
            path = self.picture_path(clip)
            length = max(_FRAMES_PER_PIECE // self.frame_step, 1) * self.frame_step
            pieces += [
                Piece(path, clip, range(begin, min(begin + length, end), self.frame_step))
                for begin in range(0, end, length)
            ]
        return pieces

    def pose_path(self, clip: Clip, kind: str) -> str:
        """Returns the path of a clip's poses; empty if their folder is not there."""
        folder = pose_folder(self.data_dir, clip.subject, kind)
        return os.path.join(folder, f"{clip.stem}.cdf") if folder else ""

    def picture_path(self, clip: Clip) -> str:
        """Returns a clip's video, or what its images' paths begin with."""
        if self.layout == "original":
            return os.path.join(self.data_dir, clip.subject, "Videos", f"{clip.stem}.mp4")
        name = clip.image_stem
        if self.layout == "spin":
            return os.path.join(self.data_dir, "images", name)
        return os.path.join(self.data_dir, clip.subject, "images", name, name)

    def _check_2d(self, clip: Clip) -> None:
        if self._has_2d(clip):
            return
        if not os.path.isfile(os.path.join(self.data_dir, "metadata.xml")):
            raise DatasetError(
                f"h36m: {clip.sequence} has neither 2D poses (Poses_D2_Positions) nor a camera "
                f"({os.path.join(self.data_dir, 'metadata.xml')}); one of them is needed."
            )

    def _has_2d(self, clip: Clip) -> bool:
        return os.path.isfile(self.pose_path(clip, "D2_Positions"))

    def files(self, subjects: Sequence[str]) -> list[str]:
        """Returns the files that the records of some subjects depend on."""
        kinds = ("D3_Positions_mono", "D2_Positions")
        paths = []
        for clip in self.clips(subjects):
            paths += [self.pose_path(clip, kind) for kind in kinds]
            paths += [self.mask_path(clip)]
            if self.mosh_dir:
                paths += h36m_motions.motion_paths(self.mosh_dir, clip)
        for piece in self.pieces(subjects):
            if isinstance(piece, Drop):
                continue
            if self.layout == "original":
                paths += [piece.path] if piece.frames.start == 0 else []
            else:
                paths += [_image_path(piece.path, frame) for frame in piece.frames]
        return [path for path in paths if path]

    def mask_path(self, clip: Clip) -> str:
        """Returns where the masks of a clip are, if there are any."""
        folder = os.path.join(self.data_dir, clip.subject, "MySegmentsMat", "ground_truth_bb")
        return os.path.join(folder, f"{clip.stem}.mat")

    def convert(self, piece: Piece, dataset: str, framing: Framing) -> Iterator[Output]:
        """Turns a piece of a clip into samples and drops."""
        labels = _read_labels(self, piece.clip)
        for frame in piece.frames:
            name = f"{piece.clip.image_stem}_{frame + 1:06d}.jpg"
            try:
                image = None
                path = name
                if self.layout == "original":
                    image = video_frames.open_video(piece.path).read(frame)
                else:
                    path = _image_path(piece.path, frame)
                person = labels.person(frame, path, piece.clip)
                output = to_sample(person, dataset, framing, image)
            except ImageError as error:
                output = Drop(str(error).split(":")[0], is_error=True)
            is_drop = isinstance(output, Drop)
            yield dataclasses.replace(output, name=name) if is_drop else output


@dataclasses.dataclass(frozen=True, eq=False)
class _Labels:
    """What is known of the frames of a clip.

    Attributes:
        points_2d: `[frames, 32, 2]` px.
        points_3d: `[frames, 32, 3]` m, camera frame.
        boxes: around the person; None if unknown.
        motion: SMPL bodies; None if unknown.
    """

    points_2d: np.ndarray
    points_3d: np.ndarray
    boxes: h36m_files.PersonBoxes | None
    motion: h36m_motions.Motion | None

    def person(self, frame: int, path: str, clip: Clip) -> LabelledPerson:
        """Returns the labels of a frame."""
        points_2d, points_3d = self.points_2d[frame], self.points_3d[frame]
        # The lens distorts; near the person a pinhole camera of its own describes it.
        fit = fit_intrinsics(points_2d, points_3d)
        pose, betas = (None, None) if self.motion is None else self.motion.body(frame)
        return LabelledPerson(
            path=path,
            points_2d=np.concatenate([points_2d, np.ones((len(points_2d), 1))], axis=1),
            skeleton_2d=H36M32.name,
            points_3d=points_3d,
            skeleton_3d=H36M32.name,
            pose_axis_angle=pose,
            betas=betas,
            intrinsics=None if fit is None else fit.intrinsics,
            box_xyxy=None if self.boxes is None else self.boxes.box(frame),
            gender=-1 if pose is None else 0,
            filename=f"{clip.image_stem}_{frame + 1:06d}.jpg",
            subject=clip.subject,
            sequence=clip.sequence,
            frame=frame,
        )


@functools.lru_cache(maxsize=1)
def _read_labels(source: Source, clip: Clip) -> _Labels:
    """Reads the labels of a clip; successive pieces are mostly of one clip."""
    path = source.pose_path(clip, "D3_Positions_mono")
    points_3d = h36m_files.read_poses(path, 3)
    path_2d = source.pose_path(clip, "D2_Positions")
    if source._has_2d(clip):
        points_2d = h36m_files.read_poses(path_2d, 2)
    else:
        cameras = h36m_files.read_cameras(os.path.join(source.data_dir, "metadata.xml"))
        points_2d = cameras[clip.camera].project(points_3d)
    if len(points_2d) != len(points_3d):
        raise DatasetError(
            f"h36m: {path_2d} has {len(points_2d)} frames, {path} has {len(points_3d)}; the two "
            "are not of one clip."
        )
    masks = source.mask_path(clip)
    boxes = h36m_files.PersonBoxes(masks) if os.path.isfile(masks) else None
    points_3d = points_3d * _MM
    motion = None
    if source.mosh_dir:
        motion = h36m_motions.read_motion(source.mosh_dir, clip, points_3d)
    return _Labels(points_2d, points_3d, boxes, motion)


def pose_folder(data_dir: str, subject: str, kind: str) -> str:
    """Returns the folder of a subject's poses, e.g. of the kind `D2_Positions`; empty if absent."""
    for name in (os.path.join("MyPoseFeatures", kind), f"Poses_{kind}", kind):
        folder = os.path.join(data_dir, subject, name)
        if os.path.isdir(folder):
            return folder
    return ""


def find_pictures(data_dir: str, subjects: Sequence[str]) -> list[str]:
    """Returns in which of `LAYOUTS` a tree has pictures of some of the subjects."""

    def has_any(*folder: str, pattern: str) -> bool:
        path = os.path.join(data_dir, *folder)
        return os.path.isdir(path) and any(re.match(pattern, name) for name in os.listdir(path))

    tests = {
        "original": [has_any(s, "Videos", pattern=r".*\.mp4$") for s in subjects],
        "spin": [has_any("images", pattern=rf"{s}_.*\.jpg$") for s in subjects],
        "mmhuman3d": [has_any(s, "images", pattern=rf"{s}_") for s in subjects],
    }
    return [layout for layout, found in tests.items() if any(found)]


def _image_path(begin: str, frame: int) -> str:
    """Returns the path of an extracted image, numbered with six digits or five."""
    paths = [f"{begin}_{frame + 1:0{digits}d}.jpg" for digits in (6, 5)]
    return next((path for path in paths if os.path.exists(path)), paths[0])
