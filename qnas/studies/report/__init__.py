"""HTML pages and figures of runs: `page` is the report; further `compare_page` and `dashboard`."""
