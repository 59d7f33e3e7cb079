from hmr_tf import config


def test_pictures_need_nothing_from_outside():
    settings = config.SynthesisConfig()
    assert (settings.body, settings.motion_dir, settings.background_dir) == ("free_body", "", "")


def test_some_people_are_left_to_train_on():
    settings = config.SynthesisConfig()
    assert 0 < settings.num_test < settings.num_images
