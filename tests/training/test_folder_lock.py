import os
import subprocess
import sys

import pytest

from hmr_tf.errors import ConfigError
from hmr_tf.training import folder_lock

HOLDER = """
import sys, time
from hmr_tf.training import folder_lock
with folder_lock.locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_at_a_time(tmp_path):
    with folder_lock.locked(str(tmp_path)):
        with pytest.raises(ConfigError, match="Another process is training in"):
            with folder_lock.locked(str(tmp_path)):
                pass
    with folder_lock.locked(str(tmp_path)):
        pass


def test_a_kill_releases_it(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ConfigError), folder_lock.locked(str(tmp_path)):
        pass
    holder.kill()
    holder.communicate()
    with folder_lock.locked(str(tmp_path)):
        pass


def test_only_the_chief_writes_into_the_folder(tmp_path):
    log = tmp_path / "log"
    with folder_lock.own_folder(str(log), is_chief=False) as own:
        assert os.path.isdir(own) and not log.exists()
    assert not os.path.exists(own)
    with folder_lock.own_folder(str(log), is_chief=True) as own:
        assert own == str(log) and log.is_dir()
        with pytest.raises(ConfigError), folder_lock.own_folder(str(log), is_chief=True):
            pass
