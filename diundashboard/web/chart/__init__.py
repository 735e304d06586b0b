"""The charts of the insights page: positions, labels, findings and tables. Pure; templates only place them.

Text keeps its size on any screen: heights are in pixels, and horizontal positions are percentages. The heat map is the
exception: it scrolls.
"""

from diundashboard.web.chart.figure import BAR_PITCH
from diundashboard.web.chart.heat import coming
from diundashboard.web.chart.line import still_open
from diundashboard.web.chart.noise import noisiest
from diundashboard.web.chart.waits import NO_TAG, oldest_finding, waiting

__all__ = ["BAR_PITCH", "NO_TAG", "coming", "noisiest", "oldest_finding", "still_open", "waiting"]
