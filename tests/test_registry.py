import sys

import pytest

from hmr_tf.errors import ConfigError
from hmr_tf.registry import Registry


def test_names_are_known_without_importing():
    registry = Registry("model", {"b": "module_that_is_not_there:Thing", "a": "json:loads"})
    assert registry.names == ["a", "b"]
    assert "module_that_is_not_there" not in sys.modules


def test_get_imports_the_entry():
    assert Registry("model", {"a": "json:loads"}).get("a")("[1]") == [1]


def test_unknown_name_lists_the_choices():
    with pytest.raises(ConfigError, match="Unknown model 'c'; expected one of: a, b"):
        Registry("model", {"b": "x:y", "a": "x:z"}).get("c")
