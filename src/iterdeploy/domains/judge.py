"""From the name of a validator to the judge: one that ships, or a function of the user's own."""

from __future__ import annotations

from iterdeploy.errors import BadInput, nearest
from iterdeploy.pddl.judges import JUDGES, CallableJudge, Judge, OwnJudge, ValJudge
from iterdeploy.pddl.val import ValError, working_val
from iterdeploy.plugins import plugin


def open_judge(name: str) -> Judge:
    """The judge of that name, "pddl", "val" or `module:attribute`, tried out where it is not our own.

    Raises BadInput for an unknown name, and where VAL is asked for and is not there or does not work.
    """
    if name == "pddl":
        return OwnJudge()
    if name == "val":
        try:
            working_val()
        except ValError as error:
            raise BadInput(f"the validator is 'val', and {error}") from error
        return ValJudge()
    if ":" not in name:
        raise BadInput(
            f"no validator {name!r}; {nearest(name, JUDGES)}; or module:attribute for one of your own"
        )
    function = plugin(name)
    if not callable(function):
        raise BadInput(f"{name} is no function of domain, problem and plan, but {type(function).__name__}")
    return CallableJudge(name, function)
