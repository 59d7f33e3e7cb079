from hmr_tf import config


def test_defaults_are_the_release_s_with_estimated_camera():
    """256x192_adam_lr1e-3-res34_smpl_3d_cam_2x_mix.yaml and `L1LossDimSMPLCam` of its release."""
    model, losses = config.HybrIKConfig(), config.HybrIKLossConfig()
    assert (model.encoder, model.num_joints, model.camera) == ("resnet34_v1", 29, "predicted")
    assert (model.image_size, model.heatmap_stride, model.deconv_width) == (256, 4, 256)
    assert (model.depth_range, model.switch_m) == (2.2, 0.015)
    assert (losses.uvd_loss, losses.drop_outside, losses.marginal_weight) == ("l1", False, 0.0)
    weights = (losses.uvd_weight, losses.betas_weight, losses.pose_weight, losses.twist_weight)
    assert weights == (1.0, 1.0, 0.01, 1.0)
    assert losses.weak_camera_weight == 1.0
