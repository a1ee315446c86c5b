"""The figures of the pages: one module a picture, each a function that returns a plotly figure."""
