"""Parts of the embedded body lie where a person's do."""

import numpy as np

from hmr_tf.body import parts
from hmr_tf.body.model_file import load_body
from tfrecords_tools import skeletons


def test_parts_lie_where_they_should():
    body = load_body("free_body")
    of_face = parts.face_parts(body)
    assert of_face.shape == (len(body.faces),) and of_face.dtype == np.uint8
    assert sorted(set(of_face)) == list(range(1, len(parts.PARTS)))
    middle = body.template[body.faces].mean(axis=1)
    joints = dict(zip(skeletons.SMPL24.joints, body.joint_regressor @ body.template))
    x, y = middle[:, 0], middle[:, 1]  # The body's left is at +x, y points up.
    of = {name: of_face == number for number, name in enumerate(parts.PARTS)}
    assert y[of["head"]].min() > joints["smpl_neck"][1] - 0.05
    assert x[of["right arm"]].max() < -0.1 and x[of["left arm"]].min() > 0.1
    assert x[of["right leg"]].mean() < 0 < x[of["left leg"]].mean()
    for leg in ("right leg", "left leg"):
        assert y[of[leg]].max() < joints["smpl_pelvis"][1] + 0.05
    shares = [of[name].mean() for name in parts.PARTS[1:]]
    assert min(shares) > 0.04
    # Both sides are alike.
    assert abs(shares[2] - shares[3]) < 0.01 and abs(shares[4] - shares[5]) < 0.01


def test_every_joint_of_a_side_moves_that_sides_limb():
    for joint, part in zip(skeletons.SMPL24.joints, parts._JOINT_PARTS):
        name = parts.PARTS[part]
        if "arm" in name or "leg" in name:
            assert name.split()[0] in joint
        mirrored = skeletons.SMPL24.joints[skeletons.SMPL24.flip[skeletons.SMPL24.index(joint)]]
        other = parts.PARTS[parts._JOINT_PARTS[skeletons.SMPL24.index(mirrored)]]
        assert other.split()[-1] == name.split()[-1]
