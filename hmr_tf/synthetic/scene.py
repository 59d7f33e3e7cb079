"""One synthetic photograph: a dressed person in a cluttered place, and everything true about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from hmr_tf.body.model_file import Body
from hmr_tf.body.posing import pose_body
from hmr_tf.render import rasterizer, shading
from hmr_tf.render.zbuffer import Intrinsics
from hmr_tf.synthetic import backgrounds
from hmr_tf.synthetic.clothing import Wardrobe
from hmr_tf.synthetic.people import Person

# How deep under the skin each LSP joint lies at most, m: a surface further in front of a joint than
# this is another limb. Ankle, knee, hip (right to left), wrist, elbow, shoulder, neck, head top.
DEPTH_IN_BODY = np.array(
    [0.09, 0.11, 0.19, 0.19, 0.11, 0.09, 0.08, 0.09, 0.14, 0.14, 0.09, 0.08, 0.20, 0.14]
)


@dataclasses.dataclass(frozen=True)
class SceneOptions:
    """How pictures are drawn.

    Attributes:
        image_size: height and width, px.
        min_size_px, max_size_px: range of the diagonal of the box around the 14 LSP joints in a
            picture of 224 px, px; it grows with the picture. LSP's people measure about 150.
        shift: greatest shift of the person off the centre, relative to the picture.
        occluder_share: share of pictures with something in front of the person.
        background_photos: photographs to stand before; procedural backgrounds if empty.
    """

    image_size: int = 224
    min_size_px: float = 130.0
    max_size_px: float = 180.0
    shift: float = 0.08
    occluder_share: float = 0.2
    background_photos: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Scene:
    """A picture and its truth.

    Attributes:
        image: `[size, size, 3]` uint8 RGB.
        keypoints: `[14, 3]` float64: x, y px of the picture and 1 where hidden (behind an occluder
            or another limb, or outside the picture), in LSP's order.
        translation: `[3]` float32 m; model points plus this are in the camera frame.
        intrinsics: `[4]` float32 (fx, fy, cx, cy) px.
        joints_3d: `[19, 3]` float32 m, cocoplus joints, camera frame, not translated.
        joints_24_3d: `[24, 3]` float32 m, J24 joints, camera frame, not translated.
        covered: share of the visible body that an occluder hides.
    """

    image: np.ndarray
    keypoints: np.ndarray
    translation: np.ndarray
    intrinsics: np.ndarray
    joints_3d: np.ndarray
    joints_24_3d: np.ndarray
    covered: float


class SceneRenderer:
    """Draws people.

    Args:
        body: the body model; needs the keypoint regressors `cocoplus` and `j24`.
        options: how pictures are drawn.
    """

    def __init__(self, body: Body, options: SceneOptions | None = None) -> None:
        self.body = body
        self._options = options or SceneOptions()
        self._wardrobe = Wardrobe(body)
        regressor = np.concatenate([body.regressor("cocoplus"), body.regressor("j24")])
        # Only the few vertices that carry weight are multiplied.
        self._used = np.flatnonzero(regressor.any(axis=0))
        self._regressor = np.ascontiguousarray(regressor[:, self._used])

    def draw(self, random: np.random.Generator, person: Person) -> Scene:
        """Draws one person."""
        body, size = self.body, self._options.image_size
        vertices, _ = pose_body(body, person.pose_axis_angle, person.betas)
        joints = self._regressor @ vertices[self._used]
        cocoplus, j24 = joints[:19], joints[19:]
        intrinsics, translation = self._place_camera(random, cocoplus[:14])
        outfit = self._wardrobe.dress(random)
        shown = vertices + translation
        shown += shading.vertex_normals(vertices, body.faces) * outfit.thickness[:, None]
        figure, depth = rasterizer.render_mesh(
            shown, body.faces, intrinsics, size, size, outfit.colors, light=draw_light(random)
        )
        image = self._draw_surroundings(random, person, shown, intrinsics)
        image = rasterizer.composite(figure, image)
        hidden, covered = self._occlude(random, image, figure[..., 3])
        image = photograph(random, image)
        keypoints = _label(cocoplus[:14] + translation, intrinsics, depth, hidden)
        return Scene(
            image,
            keypoints,
            translation.astype(np.float32),
            np.array(intrinsics, np.float32),
            cocoplus,
            j24,
            covered,
        )

    def _place_camera(
        self, random: np.random.Generator, joints: np.ndarray
    ) -> tuple[Intrinsics, np.ndarray]:
        """Draws distance, size and place in the picture; returns intrinsics and translation."""
        options = self._options
        scale = options.image_size / 224.0
        wanted_px = random.uniform(options.min_size_px, options.max_size_px) * scale
        centre = (options.image_size - 1) / 2.0
        shift = random.uniform(-1.0, 1.0, 2) * options.shift * options.image_size
        distance = np.exp(random.uniform(np.log(2.5), np.log(9.0)))
        translation = np.array([0.0, 0.0, distance]) - [0.0, 0.0, joints[:, 2].mean()]
        focal = wanted_px * distance
        # Focal length and place follow from each other; three rounds settle both to a pixel.
        for _ in range(3):
            rays = (joints + translation)[:, :2] / (joints + translation)[:, 2:]
            low, high = rays.min(axis=0), rays.max(axis=0)
            focal = wanted_px / np.linalg.norm(high - low)
            # A person stays within the picture if there is room: joints 5 % off the border.
            room = np.maximum(0.45 * options.image_size - focal * (high - low) / 2, 0.0)
            wanted = np.clip(shift, -room, room) / focal
            translation[:2] += (wanted - (low + high) / 2) * distance
        return (focal, focal, centre, centre), translation

    def _draw_surroundings(
        self,
        random: np.random.Generator,
        person: Person,
        vertices: np.ndarray,
        intrinsics: Intrinsics,
    ) -> np.ndarray:
        """Returns the picture without the person, but with the shadow, float32."""
        size = self._options.image_size
        if self._options.background_photos:
            return backgrounds.crop_photo(random, self._options.background_photos, size, size)
        world = vertices @ person.camera_from_world
        ground = float(world[:, 1].min())
        image = backgrounds.draw_background(
            random, size, size, intrinsics, person.camera_from_world, ground
        )
        if random.random() < 0.6:
            cast_shadow(random, image, world, ground, person.camera_from_world, intrinsics)
        return image

    def _occlude(
        self, random: np.random.Generator, image: np.ndarray, alpha: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Puts things in front of some people, in place; returns their mask and what they cover."""
        size = self._options.image_size
        hidden = np.zeros((size, size), np.uint8)
        if random.random() >= self._options.occluder_share:
            return hidden.astype(bool), 0.0
        covered, area = 0.0, max(float(alpha.sum()), 1.0)
        for _ in range(int(random.integers(1, 3))):
            mask = draw_occluder(random, alpha)
            now = float(alpha[(mask | hidden) > 127].sum()) / area
            # Most of the person stays in view, or nothing could be learned.
            if now < 0.4:
                share = mask[..., None].astype(np.float32) / 255.0
                image += share * (backgrounds.texture(random, size, size) - image)
                hidden |= mask
                covered = now
        return hidden > 127, covered


def draw_light(random: np.random.Generator) -> shading.Light:
    """Draws a light that comes from somewhere above and in front, of a slight tint."""
    direction = random.normal([0.0, -0.8, -0.8], 1.0)
    ambient = random.uniform(0.28, 0.6)
    tint = random.uniform(0.92, 1.08, 3)
    strength = random.uniform(0.75, 1.15) - 0.8 * ambient
    return shading.Light(
        tuple(direction), tuple(strength * tint), tuple(ambient / tint), random.uniform(0.0, 0.15)
    )


def cast_shadow(
    random: np.random.Generator,
    image: np.ndarray,
    world: np.ndarray,
    ground: float,
    camera_from_world: np.ndarray,
    intrinsics: Intrinsics,
) -> None:
    """Darkens the ground where the body stands between it and a light, in place."""
    lean = random.normal(0.0, 0.5, 2)
    shadow = world.copy()
    above = world[:, 1] - ground
    shadow[:, 0] += lean[0] * above
    shadow[:, 2] += lean[1] * above
    shadow[:, 1] = ground
    points = shadow @ camera_from_world.T
    points = points[points[:, 2] > 0.2]
    fx, fy, cx, cy = intrinsics
    height, width = image.shape[:2]
    column = np.rint(points[:, 0] / points[:, 2] * fx + cx)
    row = np.rint(points[:, 1] / points[:, 2] * fy + cy)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    mask = np.zeros((height, width), np.float32)
    mask[row[inside].astype(np.int64), column[inside].astype(np.int64)] = 1.0
    reach = 2 * round(height / 110) + 1
    mask = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
    mask = cv2.GaussianBlur(mask, (0, 0), random.uniform(0.004, 0.02) * height)
    image *= 1.0 - random.uniform(0.2, 0.6) * mask[..., None]


def draw_occluder(random: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """Draws the `[h, w]` uint8 outline (0 to 255) of something near a pixel of the person."""
    height, width = alpha.shape
    mask = np.zeros((height, width), np.uint8)
    rows, columns = np.nonzero(alpha > 0.5)
    if not rows.size:
        return mask
    at = int(random.integers(rows.size))
    x, y = int(columns[at]), int(rows[at])
    size = random.uniform(0.06, 0.3) * height
    kind = random.integers(0, 5)
    if kind == 0:  # a pole or a tree
        thickness = max(int(0.4 * size), 2)
        end = x + int(random.normal(0.0, 0.1) * height)
        cv2.line(mask, (x, -thickness), (end, height + thickness), 255, thickness, cv2.LINE_AA)
    elif kind == 1:  # a table, a wall, a car
        half = int(random.uniform(0.2, 0.6) * width)
        cv2.rectangle(mask, (x - half, y), (x + half, height), 255, -1)
    elif kind == 2:  # a person or a pillar that passes
        side = width if random.random() < 0.5 else 0
        cv2.rectangle(mask, (x, 0), (side, height), 255, -1)
    elif kind == 3:
        angle = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 9))))
        radius = size * random.uniform(0.5, 1.0, angle.size)
        points = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
        cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)
    else:
        axes = int(size * random.uniform(0.3, 0.8)) + 1, int(size * random.uniform(0.3, 0.8)) + 1
        cv2.ellipse(mask, (x, y), axes, random.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    return mask


def photograph(random: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Returns what a camera makes of the light: exposure, tint, blur and noise; uint8 RGB."""
    # The meter aims at middle grey, within the range of its shutter.
    exposure = np.clip(random.uniform(0.35, 0.6) / max(float(image.mean()), 1e-3), 0.7, 2.0)
    tint = random.uniform(0.95, 1.05, 3)
    image = np.clip(image * (exposure * tint).astype(np.float32), 0.0, 1.0)
    if random.random() < 0.7:
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 1.1))
    image = image ** np.float32(np.exp(random.normal(0.0, 0.2)))
    image = 0.5 + (image - 0.5) * random.uniform(0.8, 1.15)
    noise = random.standard_normal((*image.shape[:2], 1), np.float32)
    image = image + noise * np.float32(random.uniform(0.0, 0.025))
    return (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _label(
    joints: np.ndarray, intrinsics: Intrinsics, depth: np.ndarray, hidden: np.ndarray
) -> np.ndarray:
    """Returns LSP's labels `[14, 3]` of translated joints: x, y px and 1 where not visible."""
    fx, fy, cx, cy = intrinsics
    x = joints[:, 0] / joints[:, 2] * fx + cx
    y = joints[:, 1] / joints[:, 2] * fy + cy
    height, width = depth.shape
    column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    at = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
    is_behind_limb = joints[:, 2] - depth[at] > DEPTH_IN_BODY
    occluded = ~is_inside | hidden[at] | is_behind_limb
    return np.stack([x, y, occluded.astype(float)], axis=1).astype(np.float64)


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """Returns a `[h, w, 3]` uint8 RGB image as JPEG bytes."""
    _, encoded = cv2.imencode(
        ".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return encoded.tobytes()


def draw_jpeg_quality(random: np.random.Generator) -> int:
    """Draws the quality a camera saves at."""
    return int(random.integers(75, 97))


def project(points: np.ndarray, intrinsics: Sequence[float]) -> np.ndarray:
    """Projects `[K, 3]` camera-frame points, m, to `[K, 2]` px."""
    fx, fy, cx, cy = intrinsics
    return points[:, :2] / points[:, 2:] * [fx, fy] + [cx, cy]
