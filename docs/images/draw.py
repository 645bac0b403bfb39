"""Draw the pictures of docs/pictures.md: python docs/images/draw.py [FOLDER]."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from iterdeploy.domains import family_of
from iterdeploy.draw import plan_svg
from iterdeploy.pddl import parse_domain, parse_problem, read_plan

PICTURES = {
    "blocksworld": ("blocksworld-ipc", {"blocks": 4}, 8, None),
    "sokoban": ("sokoban", {"grid": 6, "boxes": 2}, 5, None),
    "rovers": ("rovers", {"rovers": 2, "waypoints": 5, "cameras": 2, "objectives": 2}, 52, None),
    "ferry-failing": ("ferry", {"cars": 2, "locations": 3}, 1, 3),
}
"""Each picture's family, parameters and seed, and the step that is left out of its plan, from 0."""


def main(folder: Path) -> None:
    """Write all of them."""
    for name, (family_name, parameters, seed, left_out) in PICTURES.items():
        family = family_of(family_name)
        problem = family.make(parameters, random.Random(seed))
        plan = [step for number, step in enumerate(family.solve(problem)) if number != left_out]
        domain = parse_domain(family.text)
        svg = plan_svg(domain, parse_problem(problem, domain), read_plan("\n".join(plan)).actions)
        (folder / f"plan-{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
