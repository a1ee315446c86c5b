"""HTML pages and figures of runs: `page` is the report; `compare_page`, `explain_page`, `dashboard`."""
