"""Constructor arguments of layers: kept as attributes, and returned as the configuration."""

import inspect
from collections.abc import Mapping
from typing import Any


class StoresArguments:
    """Gives a Keras layer or model `get_config` from the arguments of its constructor.

    Put it before the Keras class among the bases. `__init__` calls `self.store(locals())` once the
    Keras class has been initialised, which sets one attribute for each argument. All arguments are
    in the configuration, those left at their defaults too, so that a file keeps its meaning when a
    default changes; Keras's own automatic configuration leaves them out.
    """

    @classmethod
    def argument_names(cls) -> list[str]:
        """Names of the constructor's arguments, without those of `**kwargs`."""
        parameters = inspect.signature(cls.__init__).parameters.values()
        return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][1:]

    def store(self, arguments: Mapping[str, Any]) -> None:
        """Sets the attributes; lists become tuples.

        Args:
            arguments: The constructor's `locals()`; other names in it are ignored.
        """
        for name in self.argument_names():
            value = arguments[name]
            setattr(self, name, tuple(value) if isinstance(value, list) else value)

    def get_config(self) -> dict[str, Any]:
        """The configuration as Keras saves it: plain values, with lists for tuples."""
        config = super().get_config()  # type: ignore[misc]
        for name in self.argument_names():
            value = getattr(self, name)
            config[name] = list(value) if isinstance(value, tuple) else value
        return config
