"""What a run would do and cost, before it does it: tasks, samples, tokens, time, memory, disk, money."""

from iterdeploy.plan_ahead.estimate import Plan, Step, estimated_tokens, expected_examples, plan
from iterdeploy.plan_ahead.shape import Shape, base_folder, shape_of

__all__ = [
    "Plan",
    "Shape",
    "Step",
    "base_folder",
    "estimated_tokens",
    "expected_examples",
    "plan",
    "shape_of",
]
