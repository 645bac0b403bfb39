"""Sokoban is drawn as a room; walls are the cells that are missing."""

from __future__ import annotations

from pictures import SVG, looks, named, parsed, planned, shown, texts

from iterdeploy.domains.sokoban import FAMILY
from iterdeploy.draw import draw_plan
from iterdeploy.draw.room import CELL

WAYS = {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}


def room(*rows: str) -> str:
    """A problem from a drawing: # wall, @ robot, 1 a box; box1 is to go to the last cell of the first row."""
    cells = {(x, y): sign for y, row in enumerate(rows) for x, sign in enumerate(row) if sign != "#"}
    name = {place: f"z{number}" for number, place in enumerate(cells)}  # no name says where a cell lies
    adjacent = "".join(
        f"(adjacent {name[x, y]} {name[x + dx, y + dy]} {way})"
        for x, y in cells
        for way, (dx, dy) in WAYS.items()
        if (x + dx, y + dy) in cells
    )
    robot, at = (next(name[place] for place, sign in cells.items() if sign == wanted) for wanted in "@1")
    clear = "".join(f"(clear {cell})" for cell in name.values() if cell != at)
    end = name[max(x for x, y in cells if y == 0), 0]
    return f"""(define (problem r) (:domain sokoban) (:objects {" ".join(name.values())} - location box1 - box)
      (:init (at-robot {robot}) (at box1 {at}) {clear} {adjacent}) (:goal (at box1 {end})))"""


PROBLEM = room("@1  ", "# # ", "    ")
PUSHES = "(push z0 z1 z2 right box1) (push z1 z2 z3 right box1)"


def test_robot_and_box_stand_where_the_adjacencies_put_them() -> None:
    drawn = draw_plan(*planned(FAMILY.text, PROBLEM, PUSHES))
    places = [
        (
            named(shown(drawn, n), "robot").attrib["data-place"],
            named(shown(drawn, n), "box1").attrib["data-place"],
        )
        for n in range(3)
    ]
    assert places == [("0 0", "1 0"), ("1 0", "2 0"), ("2 0", "3 0")]


def test_a_box_on_its_goal_is_green_and_one_that_moved_is_orange() -> None:
    drawn = draw_plan(*planned(FAMILY.text, PROBLEM, PUSHES))
    assert [looks(shown(drawn, n), "box1").split()[0] for n in range(3)] == ["it-thing", "it-new", "it-done"]
    assert drawn.frames[-1].mark == "reached"


def test_the_floor_is_a_run_of_cells_for_each_row_between_walls() -> None:
    drawn = draw_plan(*planned(FAMILY.text, PROBLEM, ""))
    picture = shown(drawn, 0)
    floor = picture.find(f"{SVG}path[@class='it-floor']")
    assert floor is not None
    runs = [float(part.split("v")[0]) / CELL for part in floor.attrib["d"].split("h")[1::2]]
    assert runs == [4, 1, 1, 4]
    assert float(picture.attrib["width"]) == 5 * CELL
    assert float(picture.attrib["height"]) == 4 * CELL


def test_parts_that_do_not_touch_are_drawn_apart() -> None:
    drawn = draw_plan(*planned(FAMILY.text, room("@ #1 "), ""))
    picture = shown(drawn, 0)
    assert named(picture, "robot").attrib["data-place"] == "0 0"
    assert int(named(picture, "box1").attrib["data-place"].split()[0]) > 2
    assert texts(parsed(drawn.svg(drawn.frames[0])))
