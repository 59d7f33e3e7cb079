"""Predictions of other programs, matched to records and scored."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from toy_body import toy_body

from hmr_tf.body import posing
from hmr_tf.config import HMRConfig
from hmr_tf.errors import DataError
from hmr_tf.evaluation import evaluator, foreign_estimates, foreign_predictions
from hmr_tf.evaluation.examples import Example
from hmr_tf.evaluation.foreign_predictions import Predictions
from hmr_tf.evaluation.protocols import PROTOCOLS
from hmr_tf.models.hmr import HMR
from tfrecords_tools import skeletons

COUNT = 7
RNG = np.random.default_rng(3)
POSES = RNG.normal(scale=0.3, size=(COUNT, 72)).astype(np.float32)
BETAS = RNG.normal(size=(COUNT, 10)).astype(np.float32)
NAMES = [f"walk/image_{k:05d}.jpg" for k in range(COUNT)]
H36M = skeletons.H36M17
PW3D = PROTOCOLS.get("pw3d")


@pytest.fixture(scope="module")
def body():
    return toy_body()


@pytest.fixture(scope="module", autouse=True)
def eager():
    """Few people are scored faster than graphs are traced."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def joints(body):
    """True joints in the order of the Human3.6M regressor."""
    regressor = body.regressor("h36m")
    return np.stack([regressor @ posing.pose_body(body, *row)[0] for row in zip(POSES, BETAS)])


def _predictions(**fields):
    return Predictions("their.npz", **fields)


def _smpl(**fields):
    matrices = Rotation.from_rotvec(POSES.reshape(-1, 3)).as_matrix().reshape(COUNT, 24, 3, 3)
    return _predictions(rotations=matrices.astype(np.float32), betas=BETAS, **fields)


def _batches(sizes=(3, 3, 1)):
    start = 0
    for size in sizes:
        rows = slice(start, start + size)
        start += size
        yield {
            "image": tf.zeros([size, 8, 8, 3]),
            "filename": tf.constant(NAMES[rows]),
            "keypoints_2d": tf.zeros([size, 19, 2]),
            "visibility": tf.zeros([size, 19]),
            "window": tf.fill([size], 200.0),
            "center": tf.zeros([size, 2]),
            "joints_3d": tf.zeros([size, 14, 3]),
            "has_3d": tf.zeros([size]),
            "joints_24_3d": tf.zeros([size, 24, 4]),
            "pose_axis_angle": tf.constant(POSES[rows]),
            "betas": tf.constant(BETAS[rows]),
            "has_smpl": tf.ones([size]),
            "gender": tf.zeros([size], tf.int32),
            "intrinsics": tf.zeros([size, 4]),
            "has_intrinsics": tf.zeros([size]),
            "translation": tf.zeros([size, 3]),
            "has_translation": tf.zeros([size]),
        }


def _score(predictions, body, protocol=PW3D):
    foreign = foreign_estimates.ForeignEstimates(predictions, protocol, body)
    batches = foreign.join(_batches())
    return evaluator.score_estimates(foreign.estimate, batches, protocol, body)


@pytest.mark.parametrize("kind", ["smpl", "joints", "both"])
def test_the_truth_scores_zero(body, joints, kind):
    fields = {} if kind == "smpl" else {"joints_3d": joints, "skeleton": "h36m17"}
    predictions = _predictions(**fields) if kind == "joints" else _smpl(**fields)
    protocol = foreign_estimates.measurable(PW3D, predictions)
    report = _score(predictions, body, protocol).report()
    assert report["num_people"] == COUNT and report["baseline"] == {}
    # Joints alone tell nothing of meshes.
    assert set(PW3D.metrics) - set(report["metrics"]) == ({"pve_mm"} if kind == "joints" else set())
    for name, value in report["metrics"].items():
        assert value == pytest.approx(0, abs=0.02), name


def test_a_model_scores_the_same_through_a_file(body, tmp_path):
    """Its estimates, written as SPIN writes them and read again."""
    tf.keras.utils.set_random_seed(0)
    config = HMRConfig("resnet_small_v2", image_size=8, hidden_units=8)
    model = HMR(config, body)
    layer = model.regressor.output_layers[0]
    layer.kernel.assign(20 * layer.kernel)
    rng = np.random.default_rng(0)
    batches = [
        {**batch, "image": tf.constant(rng.random((len(batch["image"]), 8, 8, 3)), tf.float32)}
        for batch in _batches()
    ]
    found = [model(batch["image"]) for batch in batches]
    rotations = np.concatenate([estimate["rotations"] for estimate in found])
    pose = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec().reshape(COUNT, 72)
    betas = np.concatenate([estimate["betas"] for estimate in found])
    np.savez(tmp_path / "result.npz", pred_joints=np.zeros((COUNT, 17, 3)), pose=pose, betas=betas)
    direct = evaluator.evaluate(model, batches, PW3D)
    through = _score(foreign_predictions.read(str(tmp_path / "result.npz")), body)
    assert np.ptp(direct.errors["mpjpe_mm"]) > 1
    for source, errors in direct.errors.items():
        np.testing.assert_allclose(through.errors[source], errors, atol=0.05, err_msg=source)


def test_joints_of_the_file_are_compared_as_they_are(body, joints):
    """One joint of 14 moved by 70 mm: 5 mm of MPJPE, whatever the parameters say."""
    moved = joints.copy()
    moved[:, H36M.index("left_wrist"), 1] += 0.07
    moved += RNG.normal(size=(COUNT, 1, 3)).astype(np.float32)  # The roots are joined.
    values = _score(_smpl(joints_3d=moved, skeleton="h36m17"), body).report()["metrics"]
    assert values["mpjpe_mm"] == pytest.approx(5.0, abs=0.01)
    assert values["pa_mpjpe_mm"] > 0.1
    assert values["pve_mm"] == pytest.approx(0, abs=0.02)


def test_what_is_seen_in_the_image_cannot_be_measured():
    with pytest.raises(DataError, match="protocol lsp measures nothing that their"):
        foreign_estimates.measurable(PROTOCOLS.get("lsp"), _smpl())
    found = foreign_estimates.measurable(PROTOCOLS.get("synthetic"), _smpl())
    assert found.metrics == ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm") and found.name == "synthetic"


def _join(predictions, body, limit=None):
    foreign = foreign_estimates.ForeignEstimates(predictions, PW3D, body)
    return [len(foreign.estimate(batch)["betas"]) for batch in foreign.join(_batches(), limit)]


def test_count_names_and_limit(body):
    whole = _smpl()
    few = _predictions(rotations=whole.rotations[:5], betas=BETAS[:5])
    with pytest.raises(DataError, match="5 predictions, the records at least 6 people"):
        _join(few, body)
    twice = np.tile(whole.rotations, (2, 1, 1, 1)), np.tile(BETAS, (2, 1))
    more = _predictions(rotations=twice[0], betas=twice[1])
    with pytest.raises(DataError, match="14 predictions, the records 7 people"):
        _join(more, body)
    assert _join(more, body, limit=4) == [3, 1]
    assert _join(few, body, limit=3) == [3]
    swapped = _smpl(names=(*NAMES[:5], NAMES[6], NAMES[5]))
    with pytest.raises(DataError, match=r"prediction 5 is of .*image_00006\.jpg, record 5 of"):
        _join(swapped, body)
    assert _join(_smpl(names=tuple(f"data/{name}" for name in NAMES)), body) == [3, 3, 1]


def test_joints_are_brought_to_the_protocols_set(joints):
    full = _predictions(joints_3d=joints, skeleton="h36m17")
    found = foreign_estimates.protocol_joints(full, PW3D)
    order = [skeletons.J17.joints.index(name) for name in H36M.joints]
    np.testing.assert_array_equal(found[:, order], joints)
    # The first 14 alone, relative to a pelvis that is not among them.
    short = (found - found[:, 14:15])[:, :14]
    again = foreign_estimates.protocol_joints(_predictions(joints_3d=short, skeleton="j17"), PW3D)
    np.testing.assert_array_equal(again, short)
    far = _predictions(joints_3d=short + 1, skeleton="j17")
    with pytest.raises(DataError, match="must be relative to the pelvis"):
        foreign_estimates.protocol_joints(far, PW3D)
    with pytest.raises(DataError, match="compares pelvis, spine, jaw, which"):
        foreign_estimates.protocol_joints(
            _predictions(joints_3d=short, skeleton="j17"), PROTOCOLS.get("mpi_inf_3dhp")
        )


def test_a_person_is_placed_where_the_labels_are(joints):
    camera = np.array([0.8, 0.1, -0.3])
    points = np.zeros((19, 2))
    slots = skeletons.mapping(H36M, skeletons.COCOPLUS19)
    seen = np.array(slots) >= 0
    points[seen] = camera[0] * (joints[0][np.array(slots)[seen], :2] + camera[1:])
    found = foreign_estimates.place(joints[0], H36M, points, seen)
    np.testing.assert_allclose(found, camera, rtol=1e-4)
    few = np.cumsum(seen) <= 2
    assert foreign_estimates.place(joints[0], H36M, points, seen & few) is None
    assert foreign_estimates.place(-joints[0], H36M, points, seen) is None


def test_people_are_drawn(body, joints):
    example = Example(
        name="a.jpg",
        error=1.0,
        image=np.full((32, 32, 3), 90, np.uint8),
        keypoints_2d=RNG.uniform(-0.5, 0.5, (19, 2)).astype(np.float32),
        visibility=np.zeros(19, np.float32),
        index=2,
    )
    for predictions in (_smpl(), _predictions(joints_3d=joints, skeleton="h36m17")):
        foreign = foreign_estimates.ForeignEstimates(predictions, PW3D, body)
        pictures = foreign.draw(example)
        assert [picture.shape for picture in pictures] == [pictures[0].shape] * 3
        assert (pictures[2] != 255).any()
