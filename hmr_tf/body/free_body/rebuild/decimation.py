"""Mirror-symmetric mesh decimation that keeps a subset of the vertices.

Half-edge collapse by quadric error: vertex a disappears into its neighbour b. Each collapse is done
together with its mirror image, so the result is exactly symmetric; a closed manifold stays one.

Reference:
    Garland and Heckbert, Surface Simplification Using Quadric Error Metrics, SIGGRAPH 1997.
"""

from __future__ import annotations

import heapq

import numpy as np

_LENGTH_COST = 2e-3  # Prefers short edges, which keeps flat parts evenly meshed.
_SKINNING_COST = 1e-3  # Prefers edges along which the skinning weights do not change.
_HIDDEN_WEIGHT = 1e-4
_SMALLEST_NORMAL_COSINE = 0.3
_SMALLEST_FACE_HEIGHT = 0.06  # Twice the area over the longest edge squared: no slivers.

_Vector = tuple[float, float, float]


def decimate(
    vertices: np.ndarray,
    faces: np.ndarray,
    weights: np.ndarray,
    visible: np.ndarray,
    mirror: np.ndarray,
    num_vertices: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Decimates a closed mesh.

    Args:
        vertices: `[V, 3]`, exactly symmetric.
        faces: `[F, 3]`, closed manifold, symmetric.
        weights: `[V, 24]` skinning weights, symmetric.
        visible: `[F]` bool; the shape of faces that are not visible hardly counts.
        mirror: `[V]`.
        num_vertices: how many vertices to keep.

    Returns:
        (kept: `[num_vertices]` indices of the kept vertices, rising; faces: `[F', 3]` among them).

    Raises:
        RuntimeError: if the mesh cannot be reduced that far.
    """
    mesh = _Mesh(vertices, faces, weights, visible)
    remaining = len(vertices)
    partner = mirror.tolist()
    while remaining > num_vertices:
        edge = mesh.pop_cheapest()
        if edge is None:
            raise RuntimeError(f"Decimation stopped at {remaining} vertices.")
        a, b = edge
        image = (partner[a], partner[b])
        if image == (a, b):
            mesh.collapse(a, b)
            remaining -= 1
            continue
        # A midline vertex may not leave the midline, nor a pair melt together off it.
        is_symmetric = partner[a] != a and partner[a] != b
        if remaining - 2 < num_vertices or not is_symmetric:
            continue
        if mesh.can_collapse(*image) and mesh.are_independent(edge, image):
            mesh.collapse(*edge)
            mesh.collapse(*image)
            remaining -= 2
    return mesh.result()


class _Mesh:
    """A triangle mesh under half-edge collapse, with the cost of every possible one in a heap."""

    def __init__(
        self, vertices: np.ndarray, faces: np.ndarray, weights: np.ndarray, visible: np.ndarray
    ) -> None:
        corners = vertices[faces]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        lengths = np.linalg.norm(normals, axis=1)
        importance = np.where(visible, 1.0, _HIDDEN_WEIGHT) * lengths / 2
        units = normals / (lengths[:, None] + 1e-15)
        planes = np.concatenate([units, -(units * corners[:, 0]).sum(1, keepdims=True)], axis=1)
        quadrics = np.einsum("fi,fj,f->fij", planes, planes, importance)
        self._quadrics = np.zeros((len(vertices), 4, 4))
        self._areas = np.zeros(len(vertices))
        for corner in range(3):
            np.add.at(self._quadrics, faces[:, corner], quadrics)
            np.add.at(self._areas, faces[:, corner], importance / 3)
        self._homogeneous = np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1)
        self._weights = weights
        self._points: list[_Vector] = [tuple(point) for point in vertices.tolist()]
        self._faces: list[list[int] | None] = faces.tolist()
        self._is_visible = visible.tolist()
        self._faces_of: list[set[int]] = [set() for _ in vertices]
        for number, face in enumerate(faces.tolist()):
            for vertex in face:
                self._faces_of[vertex].add(number)
        self._version = [0] * len(vertices)
        self._is_alive = [True] * len(vertices)
        self._heap: list[tuple[float, int, int, int, int]] = []
        for vertex in range(len(vertices)):
            self._push_edges(vertex)

    def pop_cheapest(self) -> tuple[int, int] | None:
        """Takes the cheapest possible collapse off the heap; None if none is left."""
        while self._heap:
            _, a, b, version_a, version_b = heapq.heappop(self._heap)
            is_current = self._version[a] == version_a and self._version[b] == version_b
            if self._is_alive[a] and self._is_alive[b] and is_current and self.can_collapse(a, b):
                return a, b
        return None

    def can_collapse(self, a: int, b: int) -> bool:
        """Tells whether collapsing a into b keeps a closed manifold without folds or slivers."""
        around_a, around_b = self._neighbours(a), self._neighbours(b)
        shared = around_a & around_b
        if b not in around_a or len(shared) != 2:  # The link condition.
            return False
        if any(len(self._faces_of[vertex]) <= 3 for vertex in shared):
            return False
        return all(
            self._survives_move(face, a, b)
            for face in self._faces_of[a]
            if self._is_visible[face] and b not in self._faces[face]
        )

    def are_independent(self, edge: tuple[int, int], image: tuple[int, int]) -> bool:
        """Tells whether both of two possible collapses stay possible once one is done."""
        (a, b), (c, d) = edge, image
        around_a, around_c = self._neighbours(a), self._neighbours(c)
        if c in around_a:
            return False
        if b == d:
            # New neighbours of b must not be neighbours of c, or the link condition breaks.
            if not around_a & around_c <= self._neighbours(b) | {b}:
                return False
        elif d in around_a or b in around_c:
            return False
        shared = around_a & self._neighbours(b) & around_c & self._neighbours(d)
        return all(len(self._faces_of[vertex]) > 4 for vertex in shared)

    def collapse(self, a: int, b: int) -> None:
        """Removes a; its faces now end at b, and the two between them disappear."""
        for number in self._faces_of[a]:
            face = self._faces[number]
            if b in face:
                for vertex in face:
                    if vertex != a:
                        self._faces_of[vertex].discard(number)
                self._faces[number] = None
            else:
                face[face.index(a)] = b
                self._faces_of[b].add(number)
        self._faces_of[a] = set()
        self._is_alive[a] = False
        self._quadrics[b] += self._quadrics[a]
        self._areas[b] += self._areas[a]
        touched = sorted(self._neighbours(b) | {b})
        for vertex in touched:
            self._version[vertex] += 1
        for vertex in touched:
            self._push_edges(vertex)

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the kept vertices and the faces among them."""
        kept = np.flatnonzero(self._is_alive)
        new_number = np.full(len(self._is_alive), -1)
        new_number[kept] = np.arange(len(kept))
        return kept, new_number[np.array([face for face in self._faces if face is not None])]

    def _neighbours(self, vertex: int) -> set[int]:
        around = {other for face in self._faces_of[vertex] for other in self._faces[face]}
        around.discard(vertex)
        return around

    def _push_edges(self, a: int) -> None:
        ends = sorted(self._neighbours(a))
        points = self._homogeneous[ends]
        error = np.einsum("ni,ij,nj->n", points, self._quadrics[a], points)
        squared_length = np.square(points - self._homogeneous[a]).sum(1)
        weight_change = np.abs(self._weights[ends] - self._weights[a]).sum(1)
        spread = _LENGTH_COST * squared_length
        spread += _SKINNING_COST * weight_change * np.sqrt(squared_length)
        cost = error + self._areas[a] * spread
        for b, value in zip(ends, cost.tolist()):
            heapq.heappush(self._heap, (value, a, b, self._version[a], self._version[b]))

    def _survives_move(self, number: int, a: int, b: int) -> bool:
        """Tells whether a face keeps its direction and some height when corner a moves to b."""
        face = self._faces[number]
        before = [self._points[vertex] for vertex in face]
        after = [self._points[b if vertex == a else vertex] for vertex in face]
        old, new = _normal(before), _normal(after)
        new_length = _dot(new, new) ** 0.5
        if _dot(old, new) < _SMALLEST_NORMAL_COSINE * _dot(old, old) ** 0.5 * new_length:
            return False
        edges = (_minus(after[i], after[i - 1]) for i in range(3))
        return new_length >= _SMALLEST_FACE_HEIGHT * max(_dot(edge, edge) for edge in edges)


def _minus(a: _Vector, b: _Vector) -> _Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _dot(a: _Vector, b: _Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _normal(corners: list[_Vector]) -> _Vector:
    u, v = _minus(corners[1], corners[0]), _minus(corners[2], corners[0])
    return u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]
