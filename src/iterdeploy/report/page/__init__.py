"""One HTML file per run: its figures, and every trace behind them. Opens from the disk, without a network."""

from iterdeploy.report.page.render import Page, render_page, write_page

__all__ = ["Page", "render_page", "write_page"]
