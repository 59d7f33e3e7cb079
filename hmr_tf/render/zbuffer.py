"""Which triangle every sample of an image sees: the engine under `rasterizer`.

Faces become horizontal spans and spans become samples by array operations on all faces at once; no
Python loop runs over faces or pixels. A sample belongs to a face if its centre lies inside, and of
two faces that share an edge exactly one owns a sample on it, so a closed mesh has neither holes nor
seams.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_NEAR = 0.01  # m; what lies closer to the camera plane is cut away.
_SAMPLES_AT_ONCE = 4_000_000  # Bounds memory when huge faces lie behind each other many times.

Intrinsics = tuple[float, float, float, float]


class Triangles(NamedTuple):
    """Visible faces on the sample grid, far ones first.

    Attributes:
        x, y: `[triangles, 3]` float64, column and row of each corner.
        inverse_depth: `[triangles, 3]` float64, 1/m; linear over the image, unlike depth.
        face: `[triangles]` the caller's face that each one is, or is part of.
        corner_weights: `[triangles, 3, 3]` each corner as weights of that face's corners, or None
            if no face was cut.
    """

    x: np.ndarray
    y: np.ndarray
    inverse_depth: np.ndarray
    face: np.ndarray
    corner_weights: np.ndarray | None

    def gradients(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the change per column and per row of `[triangles, 3, ...]` corner values."""
        axes = (slice(None),) + (None,) * (values.ndim - 2)
        first, second = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
        x1, x2 = self.x[:, 1] - self.x[:, 0], self.x[:, 2] - self.x[:, 0]
        y1, y2 = self.y[:, 1] - self.y[:, 0], self.y[:, 2] - self.y[:, 0]
        scale = (1.0 / (x1 * y2 - x2 * y1))[axes]
        along_x = (first * y2[axes] - second * y1[axes]) * scale
        along_y = (second * x1[axes] - first * x2[axes]) * scale
        return along_x, along_y


class Spans(NamedTuple):
    """Runs of samples in one row of one triangle.

    Attributes:
        triangle: `[spans]` index of the triangle.
        row, column: `[spans]` the first sample.
        length: `[spans]` number of samples, at least 1.
    """

    triangle: np.ndarray
    row: np.ndarray
    column: np.ndarray
    length: np.ndarray


class Scan(NamedTuple):
    """The samples that see the mesh, within the part of the image that it can reach.

    Attributes:
        triangles: the visible triangles; rows and columns count from the box's corner.
        spans: their runs of samples.
        box: first row, first column, rows and columns of that part, px.
        seen: `[seen]` flat indices of the samples that see something.
        span: `[seen]` the run that each of them belongs to.
        inverse_depth: `[seen]` float32, 1/m.
    """

    triangles: Triangles
    spans: Spans
    box: tuple[int, int, int, int]
    seen: np.ndarray
    span: np.ndarray
    inverse_depth: np.ndarray

    @property
    def face(self) -> np.ndarray:
        """The caller's face at each seen sample."""
        return self.triangles.face[self.spans.triangle][self.span]

    def interpolate(self, corner_values: np.ndarray, columns: int) -> np.ndarray:
        """Interpolates `[F, 3, C]` values of the faces' corners at the seen samples.

        What is linear on the body is, divided by depth, linear along every run of samples.
        """
        values = corner_values[self.triangles.face]
        if self.triangles.corner_weights is not None:
            values = np.einsum("tcf,tfd->tcd", self.triangles.corner_weights, values)
        values = values * self.triangles.inverse_depth[..., None]
        start, slope = _along_spans(self.triangles, self.spans, values)
        first = self.spans.row * columns + self.spans.column
        offset = (self.seen - first[self.span]).astype(np.float32)
        result = slope[self.span]
        result *= offset[:, None]
        result += start[self.span]
        result /= self.inverse_depth[:, None]
        return result


def scan_mesh(
    vertices: np.ndarray,
    faces: np.ndarray,
    intrinsics: Intrinsics,
    height: int,
    width: int,
    samples: int,
    cull_back_faces: bool,
) -> Scan:
    """Finds the nearest triangle of every sample."""
    vertices, faces = _check_mesh(vertices, faces)
    if min(height, width, samples) < 1:
        raise ValueError(
            f"height, width and samples must be at least 1; received {height}, {width}, {samples}."
        )
    intrinsics = tuple(float(value) for value in intrinsics)
    if len(intrinsics) != 4 or not np.isfinite(intrinsics).all():
        raise ValueError(f"intrinsics must be fx, fy, cx, cy in px; received {intrinsics}.")
    triangles = _project(vertices, faces, intrinsics, samples, cull_back_faces)
    box = _reach(triangles, height, width, samples)
    triangles.x[...] -= box[1] * samples
    triangles.y[...] -= box[0] * samples
    rows, columns = box[2] * samples, box[3] * samples
    spans = _list_spans(triangles, rows, columns)
    nearest, owner = _resolve(triangles, spans, rows, columns)
    seen = np.flatnonzero(nearest)
    return Scan(triangles, spans, box, seen, owner[seen], nearest[seen])


def _check_mesh(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    vertices = np.asarray(vertices, np.float64)
    faces = np.asarray(faces)
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise ValueError(f"vertices must be [V, 3]; received {list(vertices.shape)}.")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
        raise ValueError(
            f"faces must be [F, 3] integers; received {list(faces.shape)} {faces.dtype}."
        )
    if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise ValueError(
            f"faces must index the {len(vertices)} vertices; received indices "
            f"{faces.min()} to {faces.max()}. Do faces and vertices belong to one body?"
        )
    return vertices, faces


def _project(
    vertices: np.ndarray,
    faces: np.ndarray,
    intrinsics: Intrinsics,
    samples: int,
    cull_back_faces: bool,
) -> Triangles:
    """Projects the faces that can be seen; far ones first, so that the z-buffer settles quickly."""
    face, weights = np.arange(len(faces)), None
    points, corner = vertices, faces
    if not (np.isfinite(vertices).all() and vertices[:, 2].min(initial=np.inf) > _NEAR):
        face, weights = _usable_faces(vertices, faces)
        points = vertices[faces[face]] if weights is None else weights @ vertices[faces[face]]
        points, corner = points.reshape(-1, 3), np.arange(3 * len(face)).reshape(-1, 3)

    fx, fy, cx, cy = intrinsics
    inverse_depth = 1.0 / points[:, 2]
    # Sample i of a pixel that is split in n lies at (i + 1/2) / n - 1/2 px.
    x = ((points[:, 0] * inverse_depth * fx + cx + 0.5) * samples - 0.5)[corner]
    y = ((points[:, 1] * inverse_depth * fy + cy + 0.5) * samples - 0.5)[corner]
    doubled_area = _doubled_area(x, y)
    # With y down, a face whose corners run clockwise on the screen is seen from behind.
    index = np.flatnonzero(doubled_area < 0 if cull_back_faces else doubled_area != 0)
    inverse_depth = inverse_depth[corner[index]]
    order = np.argsort(inverse_depth.sum(axis=1), kind="stable")
    index = index[order]
    weights = None if weights is None else weights[index]
    return Triangles(x[index], y[index], inverse_depth[order], face[index], weights)


def _usable_faces(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the faces that are finite and, at least in part, before the near plane.

    Returns:
        face: `[triangles]` the face that each triangle is, or is part of.
        weights: `[triangles, 3, 3]` its corners as weights of that face's corners; None if no face
            was cut.
    """
    corners = vertices[faces]
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(corners.sum(axis=(1, 2))) & (corners[..., 2].max(axis=1) > _NEAR)
    face = np.flatnonzero(usable)
    corners = corners[face]
    if corners[..., 2].min(initial=np.inf) > _NEAR:
        return face, None
    return _cut_near(corners, face)


def _cut_near(corners: np.ndarray, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cuts faces at the near plane into the one or two triangles that lie in front of it.

    Returns:
        face: `[triangles]` the face each triangle comes from.
        weights: `[triangles, 3, 3]` its corners as weights of that face's corners.
    """
    in_front = corners[..., 2] > _NEAR
    count = in_front.sum(axis=1)
    whole = np.flatnonzero(count == 3)
    parts = [(face[whole], np.broadcast_to(np.eye(3), (whole.size, 3, 3)))]
    for kept in (1, 2):
        chosen = np.flatnonzero(count == kept)
        # Turn the corners so that the odd one out comes first; the winding stays.
        odd = np.argmax(in_front[chosen] if kept == 1 else ~in_front[chosen], axis=1)
        a, b, c = ((odd + step) % 3 for step in range(3))
        one, row = np.eye(3), np.arange(chosen.size)
        depth = corners[chosen, :, 2]
        share_b = ((_NEAR - depth[row, a]) / (depth[row, b] - depth[row, a]))[:, None]
        share_c = ((_NEAR - depth[row, a]) / (depth[row, c] - depth[row, a]))[:, None]
        cut_b = (1 - share_b) * one[a] + share_b * one[b]
        cut_c = (1 - share_c) * one[a] + share_c * one[c]
        if kept == 1:
            parts.append((face[chosen], np.stack([one[a], cut_b, cut_c], axis=1)))
        else:
            parts.append((face[chosen], np.stack([cut_b, one[b], one[c]], axis=1)))
            parts.append((face[chosen], np.stack([cut_b, one[c], cut_c], axis=1)))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _doubled_area(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns twice the signed area of `[..., 3]` corners."""
    return (x[..., 1] - x[..., 0]) * (y[..., 2] - y[..., 0]) - (x[..., 2] - x[..., 0]) * (
        y[..., 1] - y[..., 0]
    )


def _reach(
    triangles: Triangles, height: int, width: int, samples: int
) -> tuple[int, int, int, int]:
    """Returns first row, first column, rows and columns of the pixels that triangles can touch."""
    if not triangles.face.size:
        return 0, 0, 0, 0
    bounds = []
    for corners, size in ((triangles.y, height), (triangles.x, width)):
        first = int(np.clip(np.floor(corners.min() / samples), 0, size))
        end = int(np.clip(np.ceil(corners.max() / samples) + 1, first, size))
        bounds.append((first, end - first))
    (top, rows), (left, columns) = bounds
    return top, left, rows, columns


def _list_spans(triangles: Triangles, rows: int, columns: int) -> Spans:
    """Lists the runs of samples that lie inside each triangle."""
    order = np.argsort(triangles.y, axis=1)
    y = np.take_along_axis(triangles.y, order, axis=1)
    x = np.take_along_axis(triangles.x, order, axis=1)
    # An edge is always followed from its upper to its lower end, so that both its faces compute the
    # same crossing to the last bit; rows and columns are half-open intervals.
    with np.errstate(divide="ignore", invalid="ignore"):
        upper = (x[:, 1] - x[:, 0]) / (y[:, 1] - y[:, 0])
        lower = (x[:, 2] - x[:, 1]) / (y[:, 2] - y[:, 1])
        whole = (x[:, 2] - x[:, 0]) / (y[:, 2] - y[:, 0])

    first_row = np.ceil(np.clip(y[:, 0], 0, rows)).astype(np.int64)
    num_rows = np.ceil(np.clip(y[:, 2], 0, rows)).astype(np.int64) - first_row
    num_rows[(x.max(axis=1) < 0) | (x.min(axis=1) > columns - 1)] = 0
    t = np.repeat(np.arange(len(x)), num_rows)
    row = first_row[t] + _count_up(num_rows)

    below = (row >= y[t, 1]).astype(np.int64)  # 1 where the lower of the two short edges is met
    with np.errstate(invalid="ignore"):
        long_edge = x[t, 0] + (row - y[t, 0]) * whole[t]
        short_edge = x[t, below] + (row - y[t, below]) * np.where(below, lower[t], upper[t])
    left = np.ceil(np.clip(np.minimum(long_edge, short_edge), 0, columns)).astype(np.int64)
    end = np.ceil(np.clip(np.maximum(long_edge, short_edge), 0, columns)).astype(np.int64)
    kept = np.flatnonzero(end > left)
    return Spans(t[kept], row[kept], left[kept], (end - left)[kept])


def _along_spans(
    triangles: Triangles, spans: Spans, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns values that are linear on the screen at each span's start and their slope along it.

    Args:
        triangles: the triangles.
        spans: their spans.
        values: `[triangles, 3, ...]` at the corners.

    Returns:
        Two float32 arrays `[spans, ...]`.
    """
    axes = (slice(None),) + (None,) * (values.ndim - 2)
    along_x, along_y = triangles.gradients(values)
    t = spans.triangle
    right = (spans.column - triangles.x[t, 0])[axes]
    down = (spans.row - triangles.y[t, 0])[axes]
    start = values[:, 0][t] + along_x[t] * right + along_y[t] * down
    return start.astype(np.float32), along_x.astype(np.float32)[t]


def _count_up(lengths: np.ndarray) -> np.ndarray:
    """Returns 0, 1, ..., n-1 for each n of ``lengths``, joined."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if ends.size else 0
    return np.arange(total) - np.repeat(ends - lengths, lengths)


def _resolve(
    triangles: Triangles, spans: Spans, rows: int, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keeps the nearest span of every sample.

    Returns:
        nearest: `[rows * columns]` float32 inverse depth, 1/m; zero where nothing is seen.
        owner: `[rows * columns]` int32 span; undefined where nothing is seen.
    """
    nearest = np.zeros(rows * columns, np.float32)
    owner = np.zeros(rows * columns, np.int32)
    start, slope = _along_spans(triangles, spans, triangles.inverse_depth)
    first = spans.row * columns + spans.column
    batch = np.cumsum(spans.length) // _SAMPLES_AT_ONCE
    for number in range(int(batch[-1]) + 1 if batch.size else 0):
        low, high = np.searchsorted(batch, [number, number + 1])
        length = spans.length[low:high]
        span = np.repeat(np.arange(low, high, dtype=np.int32), length)
        offset = _count_up(length)
        sample = first[span] + offset
        w = start[span] + slope[span] * offset.astype(np.float32)
        # Assignment with repeated indices keeps one of the values; whoever is nearer than what was
        # kept tries again. Triangles come far to near, so a second round is short and a third rare.
        pending = np.flatnonzero(w > nearest[sample])
        while pending.size:
            sample, span, w = sample[pending], span[pending], w[pending]
            nearest[sample] = w
            owner[sample] = span
            pending = np.flatnonzero(w > nearest[sample])
    return nearest, owner
