"""What `--neuron MODEL` changes in an experiment."""

import json

from lsnn.equations import source_of
from lsnn.neuron_files import model_of, text_of


def neuron_settings(choice: str | None) -> list[str]:
    """Settings, as of `--set`, for adaptive neurons of a model given by its name or a file; none for None.

    Raises:
        InputError: there is no such model, or a line of it breaks a rule.
    """
    if choice is None:
        return []
    text = text_of(choice)
    source_of(model_of(text))
    return [f"network.adaptive_model={json.dumps(text)}"]
