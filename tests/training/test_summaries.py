import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf
import toy_body
from tensorboard.plugins.mesh import plugin_data_pb2, summary_v2

from hmr_tf.body import mean_parameters, posing
from hmr_tf.render import overlay
from hmr_tf.training import summaries

BODY = toy_body.toy_body()


def _case(scale=0.9):
    pose, betas = mean_parameters.load_mean_parameters()
    vertices, _ = posing.pose_body(BODY, pose, betas)
    keypoints = BODY.regressor("cocoplus") @ vertices
    camera = np.array([scale, 0.1, -0.05], np.float32)
    points = camera[0] * (keypoints[:, :2] + camera[1:])
    batch = {
        "image": tf.fill([3, 64, 64, 3], 0.5),
        "keypoints_2d": tf.constant(np.tile(points, [3, 1, 1]), tf.float32),
        "visibility": tf.ones([3, 19]),
        "has_smpl": tf.constant([1.0, 0.0, 1.0]),
    }
    estimate = {
        "keypoints_2d": batch["keypoints_2d"][:2],
        "camera": tf.constant(np.tile(camera, [2, 1])),
        "vertices": tf.constant(np.tile(vertices, [2, 1, 1]), tf.float32),
    }
    return batch, estimate, estimate["vertices"].numpy() * [1.0, 1.0, 0.5], BODY.faces


def test_sheet_has_a_row_per_estimate():
    sheet = summaries.overlay_sheet(*_case())
    assert sheet.shape == (2 * 224, 5 * 224, 3) and sheet.dtype == np.uint8
    np.testing.assert_array_equal(sheet[:224], sheet[224:])


def test_mesh_lies_on_the_keypoints():
    batch, estimate, truth, faces = _case()
    sheet = summaries.overlay_sheet(batch, estimate, truth, faces)
    changed = np.any(sheet[:224, 448:672] != 128, axis=-1)
    points = np.round(112 * (batch["keypoints_2d"][0].numpy() + 1)).astype(int)
    # Knees, elbows, shoulders: inside the mesh. The wide margin catches a shifted or turned mesh.
    for x, y in points[[1, 4, 7, 10, 8, 9]]:
        assert changed[y - 2 : y + 3, x - 2 : x + 3].any(), (x, y)
    rows, columns = np.nonzero(changed)
    assert abs(columns.mean() - points[:, 0].mean()) < 12
    assert rows.min() > points[:, 1].min() - 25 and rows.max() < points[:, 1].max() + 25


def test_hidden_points_are_not_drawn():
    batch, estimate, truth, faces = _case()
    batch["visibility"] = tf.zeros([3, 19])
    sheet = summaries.overlay_sheet(batch, estimate, truth, faces)
    assert np.all(sheet[:, :224] == 128) and np.any(sheet[:, 224:448] != 128)


def test_wild_estimates_are_survived():
    batch, estimate, truth, faces = _case()
    estimate["keypoints_2d"] = estimate["keypoints_2d"] * np.nan
    estimate["camera"] = tf.constant([[-1.0, 0.0, 0.0], [np.nan, 0.0, 0.0]])
    sheet = summaries.overlay_sheet(batch, estimate, truth, faces)
    assert np.all(sheet[:, 224:672] == 128)


def test_sides_are_drawn_beside():
    batch, estimate, truth, faces = _case()
    truth[1] = np.nan  # Unknown.
    sheet = summaries.overlay_sheet(batch, estimate, truth, faces)
    estimated, true = sheet[:224, 672:896], sheet[:224, 896:]
    np.testing.assert_array_equal(
        estimated, overlay.side_view(estimate["vertices"][0].numpy(), faces, 224)
    )
    width = [np.ptp(np.nonzero((side != 255).any(axis=(0, 2)))[0]) for side in (estimated, true)]
    assert width[1] < width[0]  # The truth of this case is half as deep.
    assert np.all(sheet[224:, 896:] == 255) and not np.all(sheet[224:, 672:896] == 255)


def _events(folder):
    (path,) = folder.glob("events*")
    found = {}
    for event in tf.compat.v1.train.summary_iterator(str(path)):
        for value in event.summary.value:
            found[value.tag] = value
    return found


def _write(folder, views):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        summaries.write(views, 7, str(folder))
    writer.close()
    return _events(folder)


def test_views_are_read_back(tmp_path):
    batch, estimate, truth, faces = _case()
    views = summaries.view(batch, estimate, tf.constant(truth), faces)
    found = _write(tmp_path, views)
    np.testing.assert_array_equal(
        cv2.imread(str(tmp_path / "overlay.png"))[..., ::-1], views.images["overlay"]
    )
    # The crops as the network gets them: three of 64 px in two columns.
    assert views.images["inputs"].shape == (2 * 64 + 12, 2 * 64 + 12, 3)
    assert np.all(views.images["inputs"][4:68, 4:68] == 128)
    meshes = {tag: value for tag, value in found.items() if tag.startswith("mesh")}
    assert set(found) - set(meshes) == {"overlay", "inputs"}
    kinds = {}
    for value in meshes.values():
        assert value.metadata.plugin_data.plugin_name == "mesh"
        about = plugin_data_pb2.MeshPluginData.FromString(value.metadata.plugin_data.content)
        kinds[about.name, about.content_type] = tf.make_ndarray(value.tensor)
    contents = plugin_data_pb2.MeshPluginData.ContentType
    assert len(kinds) == 4
    expected = estimate["vertices"].numpy() * [1, -1, -1]
    np.testing.assert_allclose(kinds["mesh_estimate", contents.Value("VERTEX")], expected)
    np.testing.assert_array_equal(kinds["mesh_estimate", contents.Value("FACE")], [faces, faces])
    # The second person's truth is not known.
    true = kinds["mesh_truth", contents.Value("VERTEX")]
    np.testing.assert_allclose(true, truth[:1] * [1, -1, -1], rtol=1e-6)


@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_a_damaged_plugin_does_not_matter(tmp_path, monkeypatch, damage):
    if damage == "missing":
        monkeypatch.setitem(sys.modules, "tensorboard.plugins.mesh", None)
        monkeypatch.setitem(sys.modules, "tensorboard.plugins.mesh.summary_v2", None)
    else:
        monkeypatch.setattr(summary_v2, "mesh", lambda *args: 1 / 0)
    batch, estimate, truth, faces = _case()
    found = _write(tmp_path, summaries.view(batch, estimate, tf.constant(truth), faces))
    assert set(found) == {"overlay", "inputs"}
