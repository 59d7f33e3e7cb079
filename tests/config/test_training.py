import math

from hmr_tf import config


def test_defaults_are_the_original_release_s():
    """`do_train.sh` of hmr: 75 epochs of 569,753 images."""
    train = config.TrainConfig()
    assert (train.generator_learning_rate, train.discriminator_learning_rate) == (1e-5, 1e-4)
    assert (train.batch_size, train.adam_epsilon, train.schedule) == (64, 1e-8, "constant")
    assert train.num_steps == math.ceil(75 * 569_753 / 64)


def test_nobody_is_validated_unless_asked_for():
    assert config.ValidationConfig().validate_every == 0
