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
