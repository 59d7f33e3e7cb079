"""The settings of a training run and of the validations on its way."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        batch_size: global batch over all replicas.
        num_steps: generator updates.
        generator_learning_rate, discriminator_learning_rate: Adam's rates, of the model that
            estimates and of the critics.
        schedule: `constant`, `cosine` (to zero over `num_steps`) or `step` (to a tenth after each
            of `decay_steps`), after `warmup_steps`.
        decay_steps: steps after which the schedule `step` decays.
        warmup_steps: steps of linear warm-up.
        adam_epsilon: Adam's epsilon (1e-8 in the original release; Keras's own default is 1e-7).
        clip_norm: greatest norm of the whole batch's gradient, over all weights of the generator,
            and likewise of the discriminators; longer gradients are shortened. 0 for none.
        accumulate_steps: parts in which each replica's share of a batch is worked through, one
            after the other, for less memory. The update is that of the whole batch, but batch
            statistics and dropout are those of the parts.
        precision: `float32`, `mixed_bfloat16` or `mixed_float16`.
        jit_compile: whether XLA compiles the forward and backward pass; dropout then draws other
            numbers.
        average_decay: decay of the averaged generator weights used for evaluation; 0 for none.
        log_every, image_every, checkpoint_every: steps between log lines, overlays, checkpoints.
        keep_checkpoints: how many checkpoints are kept.
        seed: seed of weights, data order, augmentation and dropout.
        deterministic: whether runs with one seed must repeat to the last bit on one machine.
    """

    batch_size: int = 64
    num_steps: int = 667_680
    generator_learning_rate: float = 1e-5
    discriminator_learning_rate: float = 1e-4
    schedule: str = "constant"
    decay_steps: tuple[int, ...] = ()
    warmup_steps: int = 0
    adam_epsilon: float = 1e-8
    clip_norm: float = 0.0
    accumulate_steps: int = 1
    precision: str = "float32"
    jit_compile: bool = False
    average_decay: float = 0.0
    log_every: int = 100
    image_every: int = 1000
    checkpoint_every: int = 1000
    keep_checkpoints: int = 3
    seed: int = 0
    deterministic: bool = False


@dataclasses.dataclass(frozen=True)
class ValidationConfig:
    """Held-out people who are scored while a model is trained.

    Attributes:
        validate_every: steps between validations, one more after the last step; 0 for none.
        validation_split: split of the records that are scored.
        validation_datasets: datasets that are scored; those trained on if empty.
        validation_limit: people after which a validation stops, as many from each dataset; 0 for
            all.
        best_metric: by what the best weights are known, which are kept in `best`.
        early_stop_patience: validations without a new best after which a run ends; 0 for never.
    """

    validate_every: int = 0
    validation_split: str = "test"
    validation_datasets: tuple[str, ...] = ()
    validation_limit: int = 0
    best_metric: str = "pa_mpjpe_mm"
    early_stop_patience: int = 0
