"""Mesh files, read back by an independent reader."""

import numpy as np
import pytest
import trimesh

from hmr_tf.exporters import mesh_files


def _standing_box():
    """A closed box 0.4 x 1.8 x 0.2 m in the camera frame, its head (y = -0.9) marked by width."""
    box = trimesh.creation.box(extents=[0.4, 1.8, 0.2])
    vertices = np.array(box.vertices, np.float32)
    vertices[vertices[:, 1] < 0, 0] *= 0.5
    return vertices, np.array(box.faces)


@pytest.mark.parametrize("frame", mesh_files.FRAMES)
def test_reads_back_in_metres_and_outside_out(tmp_path, frame):
    vertices, faces = _standing_box()
    path = tmp_path / "body.obj"
    mesh_files.save_obj(path, vertices, faces, frame=frame)
    mesh = trimesh.load(path, process=False)
    assert mesh.vertices.shape == vertices.shape
    np.testing.assert_array_equal(mesh.faces, faces)
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), [0.4, 1.8, 0.2], atol=1e-5)
    # A volume of the right sign: counter-clockwise faces look outwards, in a right-handed frame.
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(0.75 * 0.4 * 1.8 * 0.2, rel=1e-4)


def test_y_up_stands_on_its_feet_and_faces_the_viewer():
    head, front = np.array([0.0, -0.9, 0.0]), np.array([0.1, 0.0, -0.2])
    np.testing.assert_allclose(mesh_files.to_y_up(head), [0.0, 0.9, 0.0])
    # What is near the camera (small z) is near the viewer (great z); right stays right.
    np.testing.assert_allclose(mesh_files.to_y_up(front), [0.1, 0.0, 0.2])


def test_replaces_a_file_and_leaves_nothing_beside_it(tmp_path):
    vertices, faces = _standing_box()
    path = tmp_path / "body.obj"
    path.write_text("old")
    mesh_files.save_obj(path, vertices, faces)
    assert path.read_text().startswith("# metres\nv ")
    assert [entry.name for entry in tmp_path.iterdir()] == ["body.obj"]


def test_wrong_arguments_are_named(tmp_path):
    vertices, faces = _standing_box()
    path = tmp_path / "body.obj"
    with pytest.raises(ValueError, match=r"\[V, 3\]"):
        mesh_files.save_obj(path, vertices[:, :2], faces)
    with pytest.raises(ValueError, match="from 0"):
        mesh_files.save_obj(path, vertices, faces + 1)
    with pytest.raises(ValueError, match="frame"):
        mesh_files.save_obj(path, vertices, faces, frame="z_up")
    assert not list(tmp_path.iterdir())
