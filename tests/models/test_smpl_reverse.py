"""What the networks of pose and shape read, what they give, and that they learn it."""

import numpy as np
import pytest
import smplr_skeleton
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf.body import landmarks
from hmr_tf.models import smpl_reverse

RNG = np.random.default_rng(0)
POINTS = RNG.normal(scale=0.4, size=(5, 41, 3)).astype(np.float32)


def _counts(network):
    return [
        sum(int(np.prod(x.shape)) for x in variables)
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]


def test_have_the_release_s_weights():
    assert _counts(smpl_reverse.build_shape_network()) == [2_485_779, 8_704]
    assert _counts(smpl_reverse.build_pose_network("raw")) == [2_768_392, 8_704]


def _by_hand(points):
    every = np.concatenate([np.zeros((1, 3)), points])
    bones = np.array([every[i] - every[landmarks.POINT_PARENTS[i]] for i in range(1, 42)])
    return np.linalg.norm(bones, axis=1) - landmarks.MEAN_LENGTHS, bones


def test_features_by_hand():
    lengths, directions = smpl_reverse.bone_features(POINTS)
    for row in range(5):
        expected, bones = _by_hand(POINTS[row])
        np.testing.assert_allclose(lengths[row], expected, atol=1e-6)
        unit = bones / np.linalg.norm(bones, axis=1, keepdims=True)
        np.testing.assert_allclose(directions[row], unit, atol=1e-5)


def test_a_bone_of_mean_length_has_no_feature():
    points = np.zeros((1, 41, 3), np.float32)
    for point in range(1, 42):
        parent = landmarks.POINT_PARENTS[point]
        start = points[0, parent - 1] if parent else 0
        points[0, point - 1] = start
        points[0, point - 1, 1] += landmarks.MEAN_LENGTHS[point - 1]
    lengths, directions = smpl_reverse.bone_features(points)
    np.testing.assert_allclose(lengths, 0, atol=1e-6)
    np.testing.assert_allclose(directions, np.broadcast_to([0, 1, 0], (1, 41, 3)), atol=1e-6)


def test_directions_do_not_see_size():
    ones, twos = (smpl_reverse.bone_features(factor * POINTS) for factor in (1, 2))
    np.testing.assert_allclose(ones[1], twos[1], atol=1e-5)
    mean = np.float32(landmarks.MEAN_LENGTHS)
    np.testing.assert_allclose(2 * (ones[0] + mean), twos[0] + mean, atol=1e-5)


def test_points_in_one_place_give_finite_numbers_and_gradients():
    points = tf.Variable(POINTS)
    points[:, 4].assign(points[:, 7])  # A child of it, and it itself.
    points[0].assign(tf.zeros([41, 3]))
    with tf.GradientTape() as tape:
        lengths, directions = smpl_reverse.bone_features(points)
        total = tf.reduce_sum(lengths) + tf.reduce_sum(directions * directions)
    for values in (lengths, directions, tape.gradient(total, points)):
        assert np.isfinite(values).all()


@pytest.mark.parametrize("form", smpl_reverse.ROTATIONS)
def test_gives_matrices(form):
    tf.keras.utils.set_random_seed(0)
    network = smpl_reverse.build_pose_network(form, width=32)
    _, directions = smpl_reverse.bone_features(POINTS)
    matrices = network(directions, training=True).numpy()
    assert matrices.shape == (5, 24, 3, 3)
    if form == "raw":
        assert np.abs(matrices).max() < 1
        return
    identity = matrices @ np.swapaxes(matrices, -1, -2)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-5)


def test_made_rotations_are_the_nearest():
    numbers = RNG.normal(size=(200, 216)).astype(np.float32)
    raw, made = (smpl_reverse.AsRotations(form)(numbers).numpy() for form in ("raw", "svd"))
    assert (np.linalg.det(raw) < 0).any()  # Reflections among them.
    left, _, right = np.linalg.svd(raw)
    sign = np.linalg.det(left @ right)[..., None]
    left[..., 2] *= sign
    np.testing.assert_allclose(made, left @ right, atol=1e-3)


def test_upright_is_the_pelvis_rotation():
    rest = RNG.normal(size=(24, 3)).astype(np.float32)
    turns = Rotation.random(5, random_state=1).as_matrix().astype(np.float32)
    points = np.zeros((5, 41, 3), np.float32)
    points[:, :3] = (rest[1:4] - rest[0]) @ np.swapaxes(turns, 1, 2)
    np.testing.assert_allclose(smpl_reverse.upright(points, rest), turns, atol=1e-5)


@pytest.mark.parametrize("form", ["6d", "raw"])
def test_learns_a_few_people_by_heart(form):
    """To a tenth of the first loss within 300 steps."""
    tf.keras.utils.set_random_seed(0)
    network = smpl_reverse.build_pose_network(form, width=128)
    directions = RNG.normal(size=(16, 41, 3)).astype(np.float32)
    target = Rotation.from_rotvec(RNG.normal(scale=0.4, size=(16 * 24, 3))).as_matrix()
    target = target.reshape(16, 24, 3, 3).astype(np.float32)
    optimizer = tf.keras.optimizers.Adam(3e-3)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(network(directions, training=True) - target))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    losses = [float(step()) for _ in range(300)]
    assert min(losses) < 0.1 * losses[0]


def test_learns_rotations_of_people_it_has_not_seen():
    """A small network, for a moment; benchmarks/benchmark_smplr.py has the full one."""
    tf.keras.utils.set_random_seed(0)
    network = smpl_reverse.build_pose_network("6d", width=256)
    rng = np.random.default_rng(2)
    people = smplr_skeleton.people(rng, 4000)
    _, directions = smpl_reverse.bone_features(smplr_skeleton.points(people))
    directions = directions.numpy()
    optimizer = tf.keras.optimizers.Adam(2e-3)

    @tf.function(autograph=False)
    def step(given, wanted):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(network(given, training=True) - wanted))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    for index in range(250):
        optimizer.learning_rate = 2e-3 * (1 - index / 250) + 1e-4
        rows = rng.integers(3800, size=128)
        step(directions[rows], people[rows])
    unseen = people[3800:]
    found = network(directions[3800:]).numpy()
    before = smplr_skeleton.angles_deg(np.eye(3, dtype=np.float32), unseen)[:, 1:].mean()
    after = smplr_skeleton.angles_deg(found, unseen)[:, 1:].mean()
    assert after < 0.8 * before
