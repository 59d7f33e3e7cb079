from hmr_tf import config


def test_defaults_are_the_original_release_s():
    """Original training script, hmr `do_train.sh`, and `src/ops.py`."""
    model, losses = config.HMRConfig(), config.LossConfig()
    assert (model.encoder, model.pool, model.rotation) == ("resnet50_v2", "slim", "axis_angle")
    assert (model.regressor, model.discriminator, model.train_mean) == ("joint", "hmr", True)
    assert (model.projection, model.num_iterations) == ("weak_perspective", 3)
    assert (losses.keypoints_2d_weight, losses.joints_3d_weight, losses.smpl_weight) == (60, 60, 60)
    assert losses.adversarial_weight == 1
    assert (losses.keypoints_2d_loss, losses.joints_3d_loss) == ("l1", "half_mse")
    assert losses.adversarial_stages == "all"
    off = ("pose_weight", "betas_weight", "vertices_weight", "camera_weight")
    assert not any(getattr(losses, name) for name in off)
