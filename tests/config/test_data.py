from hmr_tf import config


def test_augmentation_is_the_original_release_s():
    """`src/data_loader.py` and `src/config.py` of hmr: scale, shift and flip alone."""
    augment = config.AugmentConfig()
    assert (augment.scale_min, augment.scale_max, augment.shift_px) == (0.8, 1.23, 20)
    assert (augment.spread, augment.flip_probability) == ("uniform", 0.5)
    off = ("rotation_deg", "rotation_probability", "color_jitter", "occluder_probability")
    assert not any(getattr(augment, name) for name in (*off, "cutout_probability", "noise_areas"))


def test_crops_show_what_the_default_model_wants():
    assert config.DataConfig("records").window_px == config.HMRConfig().window_px
