"""The HTML checker of the W3C, over every page."""
