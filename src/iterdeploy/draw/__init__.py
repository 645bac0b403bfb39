"""States and plans as pictures, in SVG."""

from iterdeploy.draw.frames import Frame, Frames, draw_plan, draw_state
from iterdeploy.draw.strip import plan_svg, strip

__all__ = ["Frame", "Frames", "draw_plan", "draw_state", "plan_svg", "strip"]
