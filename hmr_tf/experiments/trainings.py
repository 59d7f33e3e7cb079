"""The trainings of an experiment, one after the other, each in a process of its own."""

from __future__ import annotations

import pathlib
import shlex
from collections.abc import Mapping, Sequence

from absl import logging

from hmr_tf import command
from hmr_tf.errors import ConfigError, HmrError
from hmr_tf.evaluation import people
from hmr_tf.evaluation.protocol import Protocol
from hmr_tf.experiments import Options

_WARMUP_SHARE = 12


def train_all(
    options: Options,
    defaults: Mapping[str, str],
    protocol: Protocol,
    begins_with: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Trains what is not trained yet, and goes on with what was interrupted.

    Args:
        options: what the user asks for.
        defaults: run, which is its folder's name -> flagfile.
        protocol: by which the runs will be measured.
        begins_with: run -> an earlier run whose weights it begins with.

    Returns:
        Run -> command.

    Raises:
        ConfigError: if a flagfile is missing.
        DataError: if there are no held-out people.
        HmrError: if a training fails or is stopped.
    """
    flagfiles = _flagfiles(options, defaults)
    people.num_people(protocol, people.data_config(protocol, options.data_dir, 1.0))
    commands = {}
    for number, (name, flagfile) in enumerate(flagfiles.items(), start=1):
        arguments = _training(options, name, flagfile, (begins_with or {}).get(name))
        commands[name] = shlex.join(["python", "-m", *arguments])
        logging.info("[%s, %d of %d] %s", name, number, len(flagfiles), commands[name])
        status = command.run_module(arguments)
        if status:
            raise HmrError(
                f"the training '{name}' ended with status {status}; run the same command again to "
                "continue."
            )
    return commands


def _flagfiles(options: Options, defaults: Mapping[str, str]) -> dict[str, str]:
    """Returns run -> flagfile, the user's or else the experiment's own."""
    if not options.data_dir:
        raise ConfigError("--data_dir must name the folder of records to train on; got none.")
    paths: Sequence[str] = options.flagfiles or tuple(defaults.values())
    if len(paths) != len(defaults):
        raise ConfigError(
            f"--flagfiles must name {len(defaults)}: {', '.join(defaults)}; got {len(paths)}."
        )
    for path in paths:
        if not pathlib.Path(path).is_file():
            raise ConfigError(
                f"There is no flagfile '{path}'; run from the folder that holds flags/, or give "
                "--flagfiles."
            )
    return dict(zip(defaults, paths))


def _training(options: Options, name: str, flagfile: str, first: str | None) -> list[str]:
    """Returns module and flags of one training, which begins with the weights of `first`."""
    out_dir = pathlib.Path(options.out_dir)
    arguments = ["hmr_tf.train", f"--flagfile={flagfile}", f"--data_dir={options.data_dir}"]
    arguments.append(f"--log_dir={out_dir / name}")
    if first:
        arguments.append(f"--initial_weights={out_dir / first}")
    if options.num_steps is not None:
        arguments.append(f"--num_steps={options.num_steps}")
        arguments.append(f"--warmup_steps={options.num_steps // _WARMUP_SHARE}")
    if options.seed is not None:
        arguments.append(f"--seed={options.seed}")
    return arguments
