import types

from hmr_tf.models import extra_inputs


def test_what_a_model_names_is_taken_where_it_is():
    model = types.SimpleNamespace(extra_inputs=("pose_2d", "depth"))
    assert extra_inputs.names(model) == ("pose_2d", "depth")
    assert extra_inputs.of_batch(model, {"image": 1, "pose_2d": 2}) == {"pose_2d": 2}
    plain = types.SimpleNamespace()
    assert extra_inputs.names(plain) == ()
    assert extra_inputs.of_batch(plain, {"pose_2d": 2}) == {}
