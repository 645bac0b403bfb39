"""The validator of the arm `fooled`, beside the experiment, where a run looks for it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "validator_bias"))

from biased import likes_unstack

__all__ = ["likes_unstack"]
