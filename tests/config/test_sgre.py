import dataclasses

from hmr_tf import config


def test_defaults_are_the_release_s():
    """main/config.py of its release: all losses of weight 1, and everybody's pose is given."""
    model, losses = config.SGREConfig(), config.SGRELossConfig()
    assert (model.encoder, model.image_size, model.colors) == ("resnet50_v1", 256, "raw")
    assert (model.estimation, model.needs_pose) == ("sequential", True)
    ours = {"marginal_weight": 0.0, "own_pose_share": 0.0, "use_pose_errors": True}
    others = dict.fromkeys((f.name for f in dataclasses.fields(losses) if f.name not in ours), 1.0)
    assert config.to_dict(losses) == {**others, **ours}
    assert len(others) == 7
