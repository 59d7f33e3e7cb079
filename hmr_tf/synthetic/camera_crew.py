"""Places people and a camera and takes the pictures: one mesh of all bodies, one z-buffer."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import Body
from hmr_tf.body.posing import pose_body
from hmr_tf.render import rasterizer, shading
from hmr_tf.render.zbuffer import Intrinsics
from hmr_tf.synthetic import backgrounds, scene, staging
from hmr_tf.synthetic.clothing import Outfit
from hmr_tf.synthetic.twins import TwinImage, TwinPerson

# How deep under the skin J24's joints lie at most, m (see scene): pelvis, thorax, spine, jaw and
# head follow LSP's, then nose, eyes and ears, which lie on the skin.
_DEPTH_IN_BODY = np.concatenate(
    [scene.DEPTH_IN_BODY, [0.19, 0.2, 0.19, 0.14, 0.14, 0.06, 0.06, 0.06, 0.08, 0.08]]
)
_BACKGROUND_PX = 640  # Larger pictures have an enlarged background: it need not be sharp.


class Actor(NamedTuple):
    """Somebody to film: `[frames, 72]` poses with a y-up root, `[frames, 3]` m drift, looks."""

    poses: np.ndarray
    betas: np.ndarray
    drift: np.ndarray
    outfit: Outfit
    gender: str
    subject: str


class _Take(NamedTuple):
    """What an actor's body does, frame by frame, in world axes about the actor's own place.

    Attributes:
        vertices: `[frames, V, 3]` m.
        points: `[frames, 84, 3]` m: cocoplus, J24, H36M-17, SMPL's joints.
        rest_root: `[3]` m, the root about which the body turns, of the model at its own origin.
    """

    vertices: np.ndarray
    points: np.ndarray
    rest_root: np.ndarray


class _Set(NamedTuple):
    """What stays the same over the frames of a film; `seed` makes equal shadows and exposures."""

    stage: staging.Stage
    intrinsics: Intrinsics
    background: np.ndarray
    light: shading.Light
    casts_shadow: bool
    occluder_share: float
    seed: int


class CameraCrew:
    """Takes pictures of actors.

    Args:
        body: the body model; needs the keypoint regressors `cocoplus`, `j24` and `h36m`.
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        regressor = np.concatenate([body.regressor(n) for n in ("cocoplus", "j24", "h36m")])
        self._used = np.flatnonzero(regressor.any(axis=0))
        self._regressor = np.ascontiguousarray(regressor[:, self._used])

    def shoot(
        self,
        random: np.random.Generator,
        actors: list[Actor],
        size: tuple[int, int],
        intrinsics: Intrinsics | None,
        at_border: bool = False,
        occluder_share: float = 0.0,
    ) -> list[TwinImage]:
        """Places people and camera, then takes one picture per frame.

        Args:
            random: source of randomness.
            actors: the people; all have as many frames.
            size: height and width, px.
            intrinsics: (fx, fy, cx, cy) px; drawn if None.
            at_border: whether the first person stands half outside of the picture.
            occluder_share: share of pictures with something in front of people.
        """
        if intrinsics is None:
            intrinsics = staging.draw_intrinsics(random, *size)
        intrinsics = tuple(float(value) for value in intrinsics)
        takes = [self._rehearse(actor) for actor in actors]
        figures = [take.points[:, :19].reshape(-1, 3) for take in takes]
        stage = staging.stage(random, figures, intrinsics, *size, at_border)
        built = _Set(
            stage,
            intrinsics,
            _draw_background(random, size, intrinsics, stage),
            scene.draw_light(random),
            bool(random.random() < 0.6),
            occluder_share,
            int(random.integers(2**63)),
        )
        return [
            self._expose(random, actors, takes, frame, built)
            for frame in range(len(actors[0].poses))
        ]

    def _rehearse(self, actor: Actor) -> _Take:
        """Poses the actor in every frame, feet (or whatever is lowest) on the ground."""
        all_vertices, all_points = [], []
        for pose, drift in zip(actor.poses, actor.drift):
            vertices, joints = pose_body(self.body, pose, actor.betas[: self.body.num_betas])
            move = drift - [joints[0, 0], vertices[:, 1].min(), joints[0, 2]]
            points = np.concatenate([self._regressor @ vertices[self._used], joints])
            all_vertices.append(vertices + move)
            all_points.append(points + move)
        return _Take(np.stack(all_vertices), np.stack(all_points), joints[0].astype(np.float64))

    def _expose(
        self,
        random: np.random.Generator,
        actors: list[Actor],
        takes: list[_Take],
        frame: int,
        built: _Set,
    ) -> TwinImage:
        """Takes the picture of one frame."""
        rotation, shift = built.stage.camera_from_world, built.stage.camera_translation
        faces, bare, dressed = self.body.faces, [], []
        for actor, take, place in zip(actors, takes, built.stage.places):
            vertices = (take.vertices[frame] + place) @ rotation.T + shift
            away = shading.vertex_normals(vertices, faces) * actor.outfit.thickness[:, None]
            bare.append(vertices)
            dressed.append(vertices + away)
        # One mesh of all bodies: the z-buffer settles who hides whom.
        crowd = np.concatenate(dressed)
        crowd_faces = np.concatenate([faces + i * len(bare[0]) for i in range(len(actors))])
        colors = np.concatenate([actor.outfit.colors for actor in actors])
        height, width = built.background.shape[:2]
        camera = built.intrinsics, height, width
        figure, depth = rasterizer.render_mesh(
            crowd, crowd_faces, *camera, colors, light=built.light
        )
        owner = rasterizer.rasterize(crowd, crowd_faces, *camera).face_index // len(faces)
        image, covered = self._draw(random, crowd, figure, built)
        owner[covered] = -1
        shown = [
            self._describe(
                actor, frame, vertices, (take, place), owner == number, depth, covered, built
            )
            for number, (actor, vertices, take, place) in enumerate(
                zip(actors, bare, takes, built.stage.places)
            )
        ]
        return TwinImage(image, tuple(shown), built.intrinsics, rotation, shift)

    def _draw(
        self, random: np.random.Generator, crowd: np.ndarray, figure: np.ndarray, built: _Set
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the picture and the `[H, W]` bool mask of what stands in front of people."""
        rotation, shift = built.stage.camera_from_world, built.stage.camera_translation
        image = built.background.copy()
        if built.casts_shadow:
            ground = float((rotation.T @ shift)[1])  # seen from the camera
            scene.cast_shadow(
                np.random.default_rng(built.seed),
                *(image, crowd @ rotation, ground, rotation, built.intrinsics),
            )
        image = rasterizer.composite(figure, image)
        covered = np.zeros(image.shape[:2], bool)
        if random.random() < built.occluder_share:
            mask = scene.draw_occluder(random, figure[..., 3])
            alpha = figure[..., 3]
            if float(alpha[mask > 127].sum()) < 0.4 * float(alpha.sum()):
                share = mask[..., None].astype(np.float32) / 255.0
                image += share * (backgrounds.texture(random, *mask.shape) - image)
                covered = mask > 127
        return scene.photograph(np.random.default_rng(built.seed), image), covered

    def _describe(
        self,
        actor: Actor,
        frame: int,
        vertices: np.ndarray,
        whereabouts: tuple[_Take, np.ndarray],
        mask: np.ndarray,
        depth: np.ndarray,
        covered: np.ndarray,
        built: _Set,
    ) -> TwinPerson:
        """Gathers what is true about a person."""
        take, place = whereabouts
        rotation, shift = built.stage.camera_from_world, built.stage.camera_translation
        points = (take.points[frame] + place) @ rotation.T + shift
        cocoplus, j24, h36m17, joints = np.split(points.astype(np.float32), [19, 43, 60])
        # The body turns about its root, so the root's own place does not turn with it.
        translation = points[60] - take.rest_root
        pose = actor.poses[frame].copy()
        pose[:3] = (Rotation.from_matrix(rotation) * Rotation.from_rotvec(pose[:3])).as_rotvec()
        return TwinPerson(
            pose_axis_angle=pose.astype(np.float32),
            betas=actor.betas,
            translation=translation.astype(np.float32),
            gender=actor.gender,
            vertices=vertices.astype(np.float32),
            smpl_joints_3d=joints,
            cocoplus=cocoplus,
            j24=j24,
            h36m17=h36m17,
            hidden_j24=_hidden(j24, built.intrinsics, depth, covered),
            mask=mask,
            box_xyxy=_box(mask),
            intrinsics=built.intrinsics,
            subject=actor.subject,
        )


def _draw_background(
    random: np.random.Generator,
    size: tuple[int, int],
    intrinsics: Intrinsics,
    stage: staging.Stage,
) -> np.ndarray:
    """Draws the picture without people, float32 RGB."""
    shrink = min(1.0, _BACKGROUND_PX / max(size))
    height, width = (max(round(side * shrink), 1) for side in size)
    ground = float((stage.camera_from_world.T @ stage.camera_translation)[1])
    camera = tuple(value * shrink for value in intrinsics)
    image = backgrounds.draw_background(
        random, height, width, camera, stage.camera_from_world, ground
    )
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR) if shrink < 1 else image


def _hidden(
    joints: np.ndarray, intrinsics: Intrinsics, depth: np.ndarray, covered: np.ndarray
) -> np.ndarray:
    """Tells which `[24, 3]` J24 joints are behind something or outside of the picture."""
    height, width = depth.shape
    column, row = np.rint(scene.project(joints, intrinsics)).T
    is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    at = (
        np.clip(row, 0, height - 1).astype(np.int64),
        np.clip(column, 0, width - 1).astype(np.int64),
    )
    return ~is_inside | covered[at] | (joints[:, 2] - depth[at] > _DEPTH_IN_BODY)


def _box(mask: np.ndarray) -> np.ndarray:
    """Returns the `[4]` float32 box_xyxy around the centres of a mask's pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return np.zeros(4, np.float32)
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float32)
